"""English words that tell what a capitalised word is: titles, verbs of people, words of places."""

from __future__ import annotations

from typing import NamedTuple


def words(*parts: str) -> frozenset[str]:
    """The words of some text."""
    return frozenset(" ".join(parts).split())


class Title(NamedTuple):
    """What a title says: gender is "m", "f" or "" for both; rank as `RANKS` explains."""

    gender: str
    rank: str


RANKS = ("plain", "wife", "miss", "high", "officer", "kin", "office")
"""plain: Mr; wife: Mrs; miss: Miss; kin: Aunt; office: Dr, who may be "Mr", too. Others are never
"Mr" or "Mrs": high goes with a first name ("Sir Walter"), officer with a last one ("Captain")."""


def _titles(gender: str, rank: str, listed: str) -> dict[str, Title]:
    return {word: Title(gender, rank) for word in listed.split()}


TITLES = {
    **_titles(
        "m", "plain", "Mr Mister M Monsieur Herr Signor Signore Señor Senor Master Mossoo Mynheer"
    ),
    **_titles("f", "wife", "Mrs Missus Madame Mme Frau Signora Señora Senora Mistress Madam Goody"),
    **_titles(
        "f",
        "miss",
        "Miss Mademoiselle Ma'amselle Mam'selle Ma’amselle Mlle Fräulein Fraulein Signorina "
        "Señorita Senorita",
    ),
    **_titles(
        "m",
        "high",
        "Sir Prince King Emperor Sultan Cardinal Pope Don Archduke Tsar Czar",
    ),
    **_titles(
        "m",
        "officer",
        "Captain Capt Colonel Col Major General Admiral Commodore Lieutenant Lieut Count Baron "
        "Duke Earl Marquis Marquess Viscount Lord Abbé Chevalier Squire Rajah Bishop",
    ),
    **_titles(
        "f",
        "high",
        "Lady Countess Baroness Duchess Marchioness Viscountess Princess Queen Empress Dame Donna "
        "Doña Abbess",
    ),
    **_titles("m", "kin", "Uncle Grandfather Grandpa Brother Father Cousin Gaffer Daddy Papa"),
    **_titles("f", "kin", "Aunt Auntie Aunty Grandmother Grandma Granny Sister Mother Nurse Mamma"),
    **_titles(
        "",
        "office",
        "Dr Doctor Professor Prof Rev Reverend Inspector Detective Sergeant Corporal Private "
        "Constable Superintendent Sheriff Judge Justice President Senator Governor Mayor Deacon "
        "Parson Deputy Commander Commissioner Lawyer Ensign Hon Honourable Honorable Chief "
        "Ms Sor Fra Maestro Marshal Chancellor Secretary Comrade Farmer",
    ),
    "Cousin": Title("", "kin"),
}
SHORT = words("M Mr Mrs Ms Dr Mme Mlle Capt Col Lieut Prof Rev Hon St Messrs Gen Lt Maj Sgt Esq")
"""Words with a full stop behind them that ends no sentence."""
PARTICLES = words("de du des von van der den la le da di del della d' ten ter y")
ARTICLES = words(
    "the a an my his her our your their its this that these those no every each some any such "
    "what another"
)
ADJECTIVES = words("Poor Old Young Little Dear Good Big Fair Sweet Dearest Darling")

_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mondays Sundays Saturdays"
_MONTHS = (
    "January February March April May June July August September October November December "
    "Jan Feb Aug Sept Oct Nov Dec"
)
_FEASTS = "Christmas Easter Michaelmas Lent Whitsun Whitsuntide Thanksgiving Xmas Midsummer Noel"
_NATIONS = (
    "English Englishman Englishmen Englishwoman French Frenchman Frenchmen Frenchwoman German "
    "Germans Italian Italians Spanish Spaniard Spaniards Scotch Scottish Scotchman Scotsman Irish "
    "Irishman Irishmen Welsh Welshman American Americans British Briton Britons European Europeans "
    "Russian Russians Dutch Dutchman Belgian Belgians Swiss Swede Swedish Danish Dane Danes "
    "Norwegian Polish Pole Poles Austrian Austrians Prussian Hungarian Turk Turks Turkish Greek "
    "Greeks Roman Romans Latin Indian Indians Chinese Chinaman Japanese Persian Persians Arab "
    "Arabs Arabic Arabian Egyptian Egyptians African Africans Asiatic Negro Negroes Jew Jews "
    "Jewish Hebrew Gypsy Gipsy Christian Christians Christianity Catholic Catholics Protestant "
    "Protestants Puritan Mohammedan Moslem Muslim Muslims Hindu Hindoo Buddhist Methodist Baptist "
    "Quaker Jesuit Saxon Norman Normans Celtic Celt Yankee Yankees Mexican Mexicans Canadian "
    "Australian Portuguese Venetian Parisian Londoner Victorian Gothic Georgian Malay Malays Dyak "
    "Moor Moors Saracen Saracens Pagan Trojan Trojans Hellenic Florentine Florentines Tuscan "
    "Bavarian Creole Iroquois Mingo Huron Hurons Delaware Delawares"
)
_HOLY = (
    "God Heaven Heavens Providence Almighty Creator Christ Jesus Bible Gospel Scripture "
    "Scriptures Trinity Ghost Devil Fate Fortune Nature Truth Death Love Time Hell Saviour Savior"
)
_CALLS = (
    "I O Oh Ah Eh Ay Aye Yes No Nay Well Why Hush Hurrah Bah Pshaw Alas Amen Hallo Hello Halloa "
    "Hullo Sirs Gentlemen Ladies Sirrah Adieu Bravo Pooh Ha Ho Hi Hey Hm Hum Humph Good Great Come "
    "Look Please Thank Thanks Mon Ma Dieu Mein Gott Ach Ja Oui Non Voilà Parbleu Très Bien Bon Eh "
    "Sacré Tiens Merci Deus Sapristi Messrs Misses Esq Esquire Jr Sr PS Nota Bene NB Dont Wont "
    "Tis Twas Twould Im Ive Ill Id Youre Theyre Gutenberg Chapter Volume Book Part Section Canto "
    "Act Scene Preface Contents Appendix Illustration Footnote Note Notes Letter Finis End Vol No "
    "Nos VIII VII III XII XIII"
)
PRONOUNS = words(
    "he she it they i we you hers ours mine yours theirs himself herself itself his her its their "
    "my our your him them me us this that these those "
    "there here so such what which who whom whose then thus"
)
_SMALL = (
    "The A An And But Or If When While Where As At By For From In Into Of On Upon To With Without "
    "Not Never Ever Now Once Only Even Still Yet Though Although Because Since Until Till After "
    "Before Perhaps Indeed How All Both Each Every Some Any Many Much More Most Several One Two "
    "Three Is Was Are Were Be Been Am Do Does Did Has Have Had Can Could Would Shall Should "
    "Might Must Let Go Get See Tell Ask Just Quite Very Too Also Again Meanwhile Whereat "
    "Whereupon Thereupon Presently Suddenly Finally Certainly Nothing Something Everything Nobody "
    "Somebody Anybody Everybody First Second Last Next Other Another Between Among Under Over"
)
NEVER = words(f"{_DAYS} {_MONTHS} {_FEASTS} {_NATIONS} {_HOLY} {_CALLS} {_SMALL}") | {
    word.capitalize() for word in PRONOUNS
}
"""Words with a capital that name nobody and no place."""

ROLES = words(
    "Coroner Vicar Curate Rector Parson Squire Cook Housekeeper Butler Footman Landlord Landlady "
    "Host Hostess Ma'am Mum Papa Mamma Mama Dad Daddy Pa Ma Mummy Madame Madam Sire Majesty "
    "Highness Honour Honor Excellency Worship Lordship Ladyship Holiness Reverence Governor "
    "Baby Boy Girl Man Woman Lad Sir Miss Prosecution Defence Counsel Court Government Parliament "
    "Congress State Church Ministry House Commons Army Navy Bar Bench Crown Press Post Office Club "
    "Bank Society Company University College School Station Inn Hotel Hospital War Peace "
    "Opposition Cabinet Senate Council Exchange Castle Hall Abbey Manor Park Tower Earth Sun Moon "
    "East West North South Northern Southern Eastern Western Spring Summer Autumn Winter Duty Life "
    "Soul Spirit Reason World Universe Man Men Women Youth Age Art Science Religion Philosophy "
    "Miss Missy Massa Marse Sahib Memsahib Senhor Monseigneur Milord Milady Bey Pasha Effendi "
    "Sphinx Republic Empire Kingdom Number Photo Enter Exit Exeunt Sonnet Ode Esq Chorus "
    "Gentleman Lady Dowager Heir Queen King Stranger Dragon Dog Cat Horse Father Mother "
    "Doctor Inspector Captain"
)
"""Words that stand for an office, a relative, a body or an idea where they stand alone."""

PLACE_LAST = words(
    "Street Road Lane Square Terrace Avenue Place Court Hall Park House Castle Abbey Manor Farm "
    "Cottage Lodge Grange Priory Hill Hills Heath Wood Woods Forest Moor Moors Valley Vale River "
    "Lake Sea Ocean Bay Island Isle Islands Harbour Harbor Creek Falls Mountain Mountains County "
    "City Town Village Bridge Green Gardens Garden Common Fields Field Inn Hotel Church Cathedral "
    "Palace Tower Station Ranch Point Beach Desert Canyon Pass Crescent Row Gate Alley Yard Wold "
    "Tavern Mansion Villa Crossroads Arms Cliff Cliffs Channel Straits Gulf Desert Plains Plain "
    "Mire Tor Fen Marsh Swamp Parsonage Vicarage Rectory Pond Pool Junction Hollow Dale Down "
    "Downs Settlement Parish Province Prison Gaol Heights Grove Buildings Chambers Cemetery "
    "Cove Glen Mill Mills Mead Meadow Meadows"
)
PLACE_FIRST = words("Mount Lake Cape Fort Port New North South East West River Isle")
NOT_PEOPLE = words(
    "Office Cross Company Bank Society Club College University Times Magazine Committee Act Board "
    "Agency Union League Association Institute Academy Service Department Regiment Railway Case "
    "Murder Bailey Guilty Court Day Night Eve Week Year War Law Testament Gazette Journal Review "
    "Chemists Costumiers Home Meeting Chemist School Hospital Press Party Bureau Legion "
    "Corps Empire Republic Writ Chronicle News Directory Temple"
)

SPEECH = words(
    "said says say asked asks cried cries replied replies answered answers returned exclaimed "
    "whispered murmured continued remarked observed muttered shouted added began responded "
    "inquired enquired repeated rejoined declared suggested explained laughed growled gasped "
    "sighed interrupted protested demanded called told admitted agreed announced argued begged "
    "retorted sobbed stammered faltered ejaculated insisted persisted pursued resumed thought "
    "screamed snapped urged vowed wondered drawled grumbled groaned snarled sneered quoth "
    "commented confessed echoed pleaded scolded bawled roared chuckled assented"
)
ACTING = words(
    "smiled nodded looked turned went came stood sat walked ran took gave knew felt saw heard "
    "shook rose got put made held laid leaned bent sprang started drew threw raised lifted opened "
    "closed stared gazed glanced listened paused hesitated frowned blushed wept kissed loved hated "
    "wished hoped believed remembered forgot understood wanted meant tried decided hurried "
    "followed entered left spoke talked wrote read slept woke ate drank rode led brought "
    "sent found lost kept broke caught seized pulled pushed dropped shrugged bowed knelt climbed "
    "grew became seemed appeared stepped moved waited watched married died lived himself herself "
    "loves knows thinks looks comes goes sits stands wants likes who whom whose"
)
WEAK_ACTING = words("was had is has does would could did might must should will can shall")
OWNED = words(
    "hand hands face eyes eye voice arm arms head heart lips cheek cheeks hair shoulder shoulders "
    "mind soul life death words word manner smile mother father brother sister wife husband son "
    "daughter uncle aunt friend room chair letter name opinion love figure foot feet knees "
    "conduct character happiness attention side health temper birthday marriage money"
)
KIN = words(
    "brother sister uncle aunt cousin wife husband son daughter father mother nephew niece friend "
    "servant maid master poor dear old young little honest good told asked with and"
)
INSIDE = words("in into near through outside across throughout beyond visiting")
TOWARDS = words("at to from towards toward reached leave left leaving reach visit of")

TELLING = words(
    "brother sister uncle aunt cousin wife husband son daughter father mother nephew niece friend "
    "widow widower orphan child boy girl lady gentleman man woman doctor lawyer solicitor clerk "
    "teacher governess servant maid cook butler gardener farmer vicar curate rector captain "
    "soldier sailor merchant banker detective inspector housekeeper nurse secretary artist "
    "painter writer poet musician student squire baronet lord king queen prince princess heir "
    "heiress master mistress governor landlord neighbour neighbor companion guardian ward fiancée "
    "chief warrior slave trader priest monk nun knight giant wizard witch shepherd innkeeper "
    "orphaned married engaged born called named aged years old tall young handsome "
    "beautiful pretty"
)
TELLING_PLACES = words(
    "town village city house castle hall estate river hill island valley street road inn country "
    "county harbour farm palace park mile miles stood stands lies lay situated built called "
    "old ancient"
)
