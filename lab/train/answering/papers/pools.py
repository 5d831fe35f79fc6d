"""Words that fit every setting, and phrases composed of them."""

from __future__ import annotations

from typing import NamedTuple

from lab.train.answering.papers.wording import entries

PAIRS = entries(
    """landlord=tenant; seller=buyer; lender=borrower; employer=employee; owner=hirer;
    author=publisher; client=contractor; donor=recipient; lessor=lessee; consignor=carrier;
    patron=artist; franchisor=franchisee; insurer=policyholder; creditor=debtor;
    breeder=keeper; host=lodger; master=pupil; principal=agent; claimant=respondent"""
)
OFFICES = entries(
    """chair; secretary; treasurer; deputy chair; spokesperson; coordinator; patron; adviser;
    leader; honorary president; keeper of the minutes; contact"""
)
KIN_WOMEN = entries(
    """daughter; niece; sister; aunt; granddaughter; godmother; stepmother; sister-in-law;
    goddaughter; great-aunt; half-sister; mother-in-law; foster-daughter"""
)
KIN_MEN = entries(
    """son; nephew; brother; uncle; grandson; godfather; stepfather; brother-in-law; godson;
    great-uncle; half-brother; father-in-law; foster-son"""
)
HEIRLOOMS = entries(
    """the grandfather clock; the pearl necklace; my violin; the house by the lake; the stamp
    collection; the silver teapot; my books; the oak table; the walnut desk; the gold watch;
    the painting of the mill; the sewing machine; the rowing boat; my share in the quarry; the
    telescope; the sapphire ring; the piano; the vineyard; the chess set of ivory; my letters;
    the beehives; the old car; the porcelain dogs; the orchard; the fishing rods; the wedding
    quilt; the map of the islands; the accordion; the garnet brooch; the workbench"""
)
CHARACTERS = entries(
    """the Ghost; the Miller; Queen Ysolde; the Innkeeper; Captain Brandish; the Beggar; Lady
    Marrow; the Hangman; Prince Alaric; the Cook; the Second Witch; the Messenger; Doctor
    Pell; the Fox; the Widow; Old Tobit; the Judge; Rosalba; the Clown; the Blind Fiddler;
    King Oswin; the Nightingale; Sister Clemence; the Gravedigger; the Tailor; Madame Vireau;
    the Boatman; the Page; the Dragon; Inspector Hale; the Shepherdess; the Moon; the Usurer;
    Grandfather Frost; the Pirate King"""
)
CONTESTS = entries(
    """baking contest; sack race; chess tournament; egg-and-spoon race; essay contest; hill
    run; marrow show; spelling bee; tug of war; poetry prize; archery contest; swimming race;
    dog show; photography contest; jam contest; relay race; quiz; sheaf tossing; sandcastle
    contest; cycle race; pancake race; flower show; wrestling match; kite contest; singing
    contest; raft race"""
)
COURSES = entries(
    """first-aid course; course in bookbinding; welding course; Spanish course; lifeguard
    course; course in beekeeping; sailing course; course in bookkeeping; driving course;
    pottery class; course in sign language; typing course; course in cheese-making; forklift
    course; choir leaders' course; mountain rescue course; course in local history; sewing
    class; course in wood carving; food hygiene course; radio operators' course; course in map
    reading"""
)
MOTIONS = entries(
    """buy a new boiler; sell the old van; repair the roof; plant a hedge; raise the
    subscription; open on Sundays; hire a cleaner; move the meeting to Tuesdays; paint the
    fence green; close the account at the savings bank; join the county league; replace the
    piano; print a calendar; accept the builder's offer; give up the newsletter; keep bees on
    the roof; build a bicycle shed; lend out the projector; change the auditor; start a youth
    section; cut the postage budget; name the hall after its founder; install solar panels;
    hold a lottery; restore the weathervane"""
)
SIGNINGS = entries(
    """signed the receipt; collected the parcel; voted on the accounts; bought the mare; paid
    the advance; accepted the prize; opened the safe; spoke to the newspaper; received the
    keys; made the offer; applied for the licence; laid the wreath; withdrew the complaint;
    claimed the reward; read the statement; agreed to the sale; chose the colours; took
    delivery of the piano; answered the judge; viewed the premises; renewed the insurance"""
)
PREPAID = entries(
    """booking fee; advance payment; registration fee; security bond; reservation charge;
    holding deposit; entry charge; damage deposit; examination charge; course deposit; key
    money; advance on travel costs; joining bond; ticket deposit"""
)
CHARGES = entries(
    """day ticket; entrance fee; evening ticket; guided walk charge; half-day rate; season
    ticket; participation fee; overnight rate; boat trip charge; supper contribution; weekly
    rate; class fee; ride charge; hire rate"""
)
GROUPS = entries(
    """adults; children; students; pensioners; members; non-members; groups of ten or more;
    unemployed people; residents; apprentices; families; teachers; soldiers; holders of a card"""
)
ITEMS = entries(
    """brass hinges; tins of white paint; light bulbs; garden chairs; bags of cement; rolls of
    wallpaper; oak boards; water filters; boxes of candles; wine glasses; desk lamps; door
    handles; wool blankets; copper pipes; notebooks; sacks of flour; bicycle tyres; roof
    tiles; cushions; fuses; packets of screws; enamel mugs; umbrellas; flower pots; rubber
    seals; ink cartridges; curtain rods; jars of honey; paint brushes; folding tables"""
)
FOODS = entries(
    """flour; sugar; butter; milk; cream; rice; oatmeal; maple syrup; honey; olive oil; grated
    cheese; apricot jam; almond paste; chopped parsley; yoghurt; cocoa; rye flour;
    vinegar; molasses; stock; minced beef; barley; coconut milk; white wine; tomato sauce;
    mashed potato; chickpea flour; walnut oil; smoked fish; semolina"""
)
MEASURES = entries(
    """grams=50-900; millilitres=40-750; spoonfuls=2-9; cups=2-6; ounces=2-30; handfuls=2-5;
    teaspoons=2-8; ladles=2-6; pounds=2-7"""
)
SOCIETIES = entries(
    """brass band; savings bank; orphanage; fire brigade; weavers' guild; botanical garden;
    lending library; swimming club; almshouse; observatory; cottage hospital; wool market;
    mission school; theatre; lifeboat station; choir of the mill; shooting club; reading
    society; stud farm; cycling club; museum of clocks; music school; donkey shelter;
    allotment society; silk mill"""
)
ROOMS = entries(
    """library; ticket office; reading room; swimming pool; tea room; workshop; lost property
    office; archive; post room; chapel; bar; clothes bank; toy library; exhibition; pharmacy;
    sauna; bookshop; information desk; registry; climbing wall; canteen; laundry"""
)
PLATFORMS = entries(
    """platform {}; gate {}; pier {}; stop {}; bay {}; landing stage {}; track {}; quay {};
    stand {}"""
)
DUE = entries(
    """on the first of each month; by the {ordinal} of the month; within {span}; in advance;
    at the end of each quarter; on the {ordinal} of every month; by {date}; on {date}; every
    {weekday}; within {span} of the signing; before {date}; at the latest on {date}; on
    arrival; once a year, on {date}; in two parts, the second by {date}; as soon as the paper
    is signed"""
)
PROVISO = entries(
    """if the {role} agrees in writing; if {who} gives permission; if they ask {span} in
    advance; after {time}; until {time}; between {time} and {time2}; on {weekday}s; if nobody
    objects; if an adult is present; if they sign the list first; with a pass from the {role};
    if they leave a deposit of {sum}; once they have been here for {span}; as long as it takes
    less than {span}; if they clean up afterwards; after speaking to the {role}; from {date}
    on; if {number} others take part; provided that {who} has been told; if they are insured;
    as long as no one is disturbed; if they pay {sum} in advance; outside the school holidays;
    when the {role} is present"""
)
REFUND = entries(
    """if the {role} is told by {date}; if notice is given {span} in advance; if nothing is
    damaged; if {who} signs the form; within {span} of payment; if the receipt is shown; if
    the place can be given to someone else; until {date}; if the event is called off; if a
    doctor's note is shown; when the key is returned; if all bills are paid; if fewer than
    {number} people come; if the {role} finds everything in order"""
)
EXCEPTIONS = entries(
    """except on {weekday}s; except with written permission from the {role}; except during the
    {event}; except in an emergency; except between {time} and {time2}; unless {who} has
    agreed; except for {actors}; except after {time}; unless the {role} is present; except on
    {date}; unless it has been announced {span} before; except in the last week of the year;
    unless {number} people are in favour; except with a pass signed by {who}"""
)
REASONS = entries(
    """the {role} was ill; {number} people had complained; the {thing} was missing; {who} had
    resigned; there was no money left; {who} had lost the key; the {role} was on strike; an
    accident had happened; the permit had expired; the {thing} had been stolen; the weather
    had turned; {who} had asked for it; the wrong date had been printed; too many people had
    come"""
)
RESULTS = entries(
    """the {role} must be told within {span}; a charge of {sum} is due; {who} has to be
    informed; the matter is put before the {role}; {who} decides what to do; a second meeting
    is held within {span}; work stops until the {role} comes"""
)
WHEN = entries(
    """every {weekday}; before {time}; within {span}; at the start of each season; by the
    {ordinal} of each month; twice a year; on the last day; after every visit; once a month;
    before leaving; within {span} of arrival; each year on {date}; on request; as soon as the
    {role} asks"""
)
COMPOSED = {
    "due": DUE,
    "proviso": PROVISO,
    "refund": REFUND,
    "exception": EXCEPTIONS,
    "when": WHEN,
}
LISTED = {
    "office": OFFICES,
    "heirloom": HEIRLOOMS,
    "character": CHARACTERS,
    "contest": CONTESTS,
    "course": COURSES,
    "motion": MOTIONS,
    "signing": SIGNINGS,
    "prepaid": PREPAID,
    "charge": CHARGES,
    "group": GROUPS,
    "item": ITEMS,
    "food": FOODS,
    "room": ROOMS,
    "society": SOCIETIES,
    "day": entries("Monday; Tuesday; Wednesday; Thursday; Friday; Saturday; Sunday"),
}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = LISTED["day"]
CURRENCIES = (
    "£{}", "£{}", "${}", "${}", "€{}", "{} euros", "{} pounds", "{} dollars", "{} crowns",
    "{} francs", "{} rupees", "CHF {}", "{} shillings", "{} pesos", "{} zloty",
)  # fmt: skip
UNITS = ("day", "day", "week", "week", "month")
SMALL = entries("two; three; four; five; six; seven; eight; nine; ten; eleven; twelve")


class Pair(NamedTuple):
    """Two things that belong together; shown as the first."""

    one: str
    two: str

    def __str__(self) -> str:
        return self.one


class Outcome(NamedTuple):
    """Something that was done: "the lift", "was", "shut down"."""

    subject: str
    aux: str
    rest: str

    def __str__(self) -> str:
        return f"{self.subject} {self.aux} {self.rest}"


class Matter(NamedTuple):
    """What a rule is about: named as the rule does, and as somebody who wants to do it asks.

    every: all names that it has, so that no other rule of the unit is about the same.
    """

    named: str
    act: str
    every: tuple[str, ...]

    def __str__(self) -> str:
        return self.named
