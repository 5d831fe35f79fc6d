"""The words of headings in many languages: keywords such as "Kapitel", and numbers in words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# The keywords of headings with their levels: 1 is the outermost division of a book.
LEVELS = {
    "volume": 1, "vol": 1, "tome": 1, "band": 1, "tomo": 1,
    "volumen": 1, "том": 1, "tom": 1,
    "svazek": 1, "kötet": 1, "المجلد": 1, "deel": 1, "cilt": 1, "τόμος": 1, "τομος": 1, "knjiga": 1,
    "book": 2, "livre": 2, "buch": 2, "libro": 2, "livro": 2, "книга": 2, "boek": 2, "bok": 2,
    "bog": 2, "księga": 2, "kniha": 2, "könyv": 2, "kirja": 2, "βιβλίο": 2, "βιβλίον": 2,
    "βιβλιο": 2,
    "الكتاب": 2, "كتاب": 2, "ספר": 2, "kitap": 2, "quyển": 2, "buku": 2,
    "part": 3, "act": 3, "partie": 3, "teil": 3, "parte": 3, "akt": 3, "aufzug": 3, "acte": 3,
    "acto": 3, "atto": 3, "ato": 3, "часть": 3, "частина": 3, "действие": 3, "дія": 3, "del": 3,
    "część": 3, "část": 3, "rész": 3, "osa": 3, "näytös": 3, "μέρος": 3, "μερος": 3, "bedrijf": 3,
    "الجزء": 3, "جزء": 3, "القسم": 3, "بخش": 3, "חלק": 3, "kısım": 3, "phần": 3, "bagian": 3,
    "भाग": 3, "ภาคที่": 3,
    "chapter": 4, "chap": 4, "letter": 4, "scene": 4, "canto": 4, "stave": 4, "adventure": 4,
    "chapitre": 4, "kapitel": 4, "capitulo": 4, "capítulo": 4, "capitolo": 4, "lettre": 4,
    "episode": 4, "lecture": 4, "essay": 4, "story": 4, "tale": 4, "sermon": 4, "fit": 4,
    "capítol": 4, "capitol": 4, "capitolul": 4, "hoofdstuk": 4, "kapitlet": 4, "kapittel": 4,
    "глава": 4, "розділ": 4, "раздел": 4, "письмо": 4, "явление": 4, "сцена": 4, "песнь": 4,
    "поглавље": 4, "poglavlje": 4, "rozdział": 4, "kapitola": 4, "fejezet": 4, "luku": 4,
    "peatükk": 4, "skyrius": 4, "κεφάλαιο": 4, "κεφάλαιον": 4, "κεφαλαιο": 4,
    "κεφαλαιον": 4, "ĉapitro": 4, "bölüm": 4,
    "brief": 4, "auftritt": 4, "szene": 4, "scène": 4, "scena": 4, "escena": 4, "lettera": 4,
    "carta": 4, "chant": 4, "gesang": 4, "kabanata": 4, "bab": 4, "chương": 4, "hồi": 4,
    "الفصل": 4, "فصل": 4, "الباب": 4, "باب": 4, "الحلقة": 4, "פרק": 4, "מכתב": 4,
    "अध्याय": 4, "পরিচ্ছেদ": 4, "அத்தியாயம்": 4, "บทที่": 4, "caput": 4, "liber": 2,
    "section": 5, "sec": 5, "abschnitt": 5, "sección": 5, "sezione": 5, "seção": 5, "параграф": 5,
    "afdeling": 5, "المبحث": 5,
}  # fmt: skip

# Numbers from 1 on in words; the forms of one number are joined by a stroke.
_SERIES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen",
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth",
    "eins|erste|erster|erstes zwei|zweite|zweiter|zweites drei|dritte|dritter|drittes"
    " vier|vierte|vierter|viertes fünf|fünfte|fünfter|fünftes sechs|sechste|sechster|sechstes"
    " sieben|siebente|siebenter|siebentes|siebte|siebter|siebtes acht|achte|achter|achtes"
    " neun|neunte|neunter|neuntes zehn|zehnte|zehnter|zehntes elf|elfte|elfter|elftes"
    " zwölf|zwölfte|zwölfter|zwölftes dreizehn|dreizehnte|dreizehnter|dreizehntes"
    " vierzehn|vierzehnte|vierzehnter|vierzehntes fünfzehn|fünfzehnte|fünfzehnter|fünfzehntes"
    " sechzehn|sechzehnte|sechzehnter|sechzehntes siebzehn|siebzehnte|siebzehnter|siebzehntes"
    " achtzehn|achtzehnte|achtzehnter|achtzehntes neunzehn|neunzehnte|neunzehnter|neunzehntes"
    " zwanzig|zwanzigste|zwanzigster|zwanzigstes",
    "premier|première deux|deuxième|second|seconde trois|troisième quatre|quatrième"
    " cinq|cinquième six|sixième sept|septième huit|huitième neuf|neuvième dix|dixième"
    " onze|onzième douze|douzième treize|treizième quatorze|quatorzième quinze|quinzième"
    " seize|seizième",
    "primero|primera|primer segundo|segunda tercero|tercera|tercer|tres cuarto|cuarta"
    "|cuatro quinto|quinta|cinco sexto|sexta|seis séptimo|séptima|siete octavo|octava|ocho"
    " noveno|novena|nueve décimo|décima|diez undécimo|undécima duodécimo|duodécima|doce",
    "primo|prima|primeiro|primeira secondo|seconda terzo|terza|terceiro|terceira"
    " quarto|quarta|quattro|quatro quinto|quinta|cinque sesto|sesta settimo|settima|sette|sétimo"
    " ottavo|ottava|oitavo|oitava nono|nona|nove decimo|decima|dieci",
    "eerste twee|tweede drie|derde vier|vierde vijf|vijfde zes|zesde zeven|zevende acht|achtste"
    " negen|negende tien|tiende elf|elfde twaalf|twaalfde dertien|dertiende veertien|veertiende"
    " vijftien|vijftiende zestien|zestiende zeventien|zeventiende achttien|achttiende"
    " negentien|negentiende twintig|twintigste",
    "första|første andra|andre|andet|två tredje fjärde|fjerde|fyra femte"
    " sjätte|sjette sjunde|syvende åttonde|ottende|åtta nionde|niende"
    " tionde|tiende",
    "первая|первый|первое|перша|перший вторая|второй|второе|друга|другий"
    " третья|третий|третье|третя|третій четвертая|четвёртая|четвертый|четвёртый|четвертое|четверта"
    " пятая|пятый|пятое|п'ята шестая|шестой|шестое|шоста седьмая|седьмой|седьмое|сьома"
    " восьмая|восьмой|восьмое|восьма девятая|девятый|девятое|дев'ята десятая|десятый|десята"
    " одиннадцатая|одиннадцатый двенадцатая|двенадцатый тринадцатая|тринадцатый"
    " четырнадцатая|четырнадцатый пятнадцатая|пятнадцатый шестнадцатая|шестнадцатый"
    " семнадцатая|семнадцатый восемнадцатая|восемнадцатый девятнадцатая|девятнадцатый"
    " двадцатая|двадцатый",
    "pierwszy|pierwsza drugi|druga|druhá|druhý trzeci|trzecia|třetí czwarty|czwarta|čtvrtá"
    " piąty|piąta|pátá szósty|szósta|šestá siódmy|siódma|sedmá ósmy|ósma|osmá"
    " dziewiąty|dziewiąta|devátá dziesiąty|dziesiąta|desátá",
    "الأول|الاول|اول|الأولى الثاني|دوم|الثانية الثالث|سوم|الثالثة الرابع|چهارم|الرابعة"
    " الخامس|پنجم|الخامسة السادس|ششم|السادسة السابع|هفتم|السابعة الثامن|هشتم|الثامنة"
    " التاسع|نهم|التاسعة العاشر|دهم|العاشرة",
    "ראשון|ראשונה שני|שנייה|שניה שלישי|שלישית רביעי|רביעית חמישי|חמישית שישי|ששי|שישית"
    " שביעי|שביעית שמיני|שמינית תשיעי|תשיעית עשירי|עשירית",
    "πρώτο|πρώτον|πρώτος δεύτερο|δεύτερον|δεύτερος τρίτο|τρίτον|τρίτος τέταρτο|τέταρτον"
    " πέμπτο|πέμπτον έκτο|έκτον έβδομο|έβδομον όγδοο|όγδοον ένατο|ένατον δέκατο|δέκατον",
    "birinci ikinci üçüncü dördüncü beşinci altıncı yedinci sekizinci dokuzuncu onuncu",
    "első második harmadik negyedik ötödik hatodik hetedik nyolcadik kilencedik tizedik",
    "ensimmäinen toinen kolmas neljäs viides kuudes seitsemäs kahdeksas yhdeksäs kymmenes",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
WORD_NUMBERS = {
    **{
        form: n
        for series in reversed(_SERIES)
        for n, forms in enumerate(series.split(), 1)
        for form in forms.split("|")
    },
    **{word: 10 * n for n, word in enumerate(TENS, 2)},
    **{word[:-1] + "ieth": 10 * n for n, word in enumerate(TENS, 2)},
    "last": 999,
}
TEEN_ENDINGS = ("عشر", "عشرة", "עשר", "עשרה")  # "الثاني عشر" is the twelfth

# Those of these words that may stand alone as a heading; "Once" may not.
ENGLISH_NUMBERS = (*_SERIES[0].split(), *_SERIES[1].split(), *TENS)

# Names of headings without a number.
NAMES = (
    "prologue|epilogue|preface|foreword|afterword|introduction|introductory|conclusion"
    "|postscript|appendix|prelude|interlude|induction|proem|finale|envoi|note|addendum"
    "|prolog|epilog|vorwort|nachwort|einleitung|einführung|anhang|schluss|schluß|vorrede"
    "|préface|avant-propos|épilogue|avertissement|appendice|préambule|postface"
    "|prólogo|epílogo|prefacio|introducción|prefácio|introdução|conclusión|apéndice"
    "|prefazione|introduzione|epilogo|prologo|conclusione|conclusão"
    "|voorwoord|inleiding|nawoord|proloog|epiloog|besluit|förord|inledning|forord|indledning"
    "|innledning|пролог|эпилог|предисловие|введение|послесловие|заключение|вступление|передмова"
    "|епілог|wstęp|przedmowa|zakończenie|předmluva|úvod|doslov|előszó|utószó|esipuhe|johdanto"
    "|πρόλογος|επίλογος|εισαγωγή|önsöz|giriş|مقدمة|المقدمة|خاتمة|الخاتمة|تمهيد|مقدمه|הקדמה|מבוא"
    "|סוף דבר|אפילוג"
)
# The same in scripts that do not put spaces between words.
CJK_NAMES = re.compile(
    r"[\s　【〔「『]*+(?:序|序[章言文幕曲]|自序|前言|引[言子]|楔子|[終终尾][章聲声]|尾聲|後記|后记"
    r"|[跋結结][語语]?|番外[^\n]{0,30}|プロローグ|エピローグ"
    r"|まえがき|はじめに|おわりに|あとがき"
    r"|前書き?|後書き?|解説|附[録录]|付録|프롤로그|에필로그|머리말|서문|들어가며|맺음말"
    r"|후기)[\s　】〕」』]*+$"
)

_CJK_DIGITS = {digit: n for n, digit in enumerate("〇一二三四五六七八九")} | {
    "零": 0, "兩": 2, "两": 2, "壱": 1, "壹": 1, "弐": 2, "貳": 2, "贰": 2, "参": 3, "參": 3,
    "叁": 3, "일": 1, "이": 2, "삼": 3, "사": 4, "오": 5, "육": 6, "칠": 7, "팔": 8, "구": 9,
}  # fmt: skip
_CJK_UNITS = {"十": 10, "拾": 10, "百": 100, "千": 1000, "십": 10, "백": 100, "천": 1000}
_CJK_TENS = {"廿": 20, "卅": 30}
_HAN = "〇零一二三四五六七八九十拾百千两兩廿卅壱壹弐貳贰参參叁"
_HANGUL = "일이삼사오육칠팔구십백천"
_CJK_REST = r"(?P<rest>[^\n]{0,80})$"
_CJK = re.compile(
    rf"[\s　【〔「『（(＜《〈■◆●○☆★\[*_#]*+第\s*+(?P<number>[\d{_HAN}]{{1,9}})\s*"
    rf"(?P<word>[章回節节卷巻部篇編编集輯辑話话幕場场折夜課课講讲]){_CJK_REST}"
)
_CJK_VOLUME = re.compile(
    rf"[\s　【〔「『]*+(?P<word>[卷巻])[之のノ]?\s*(?P<number>[\d{_HAN}]{{1,5}}){_CJK_REST}"
)
_KOREAN = re.compile(
    rf"[\s【〔「『\[*_#]*+제?\s?(?P<number>\d{{1,4}}|(?<=제)[{_HANGUL}]{{1,5}})\s?"
    rf"(?P<word>장|부|편|권|화|회|막){_CJK_REST}"
)
_CJK_LEVELS = {
    **dict.fromkeys("卷巻集輯辑권", 1),
    **dict.fromkeys("部篇編编幕부편막", 3),
    **dict.fromkeys("章回話话場场折夜課课講讲장화회", 4),
    **dict.fromkeys("節节", 5),
}
_CJK_BARE = re.compile(rf"[\s　（(〔【]*+(?P<number>[{_HAN}]{{1,5}})[\s　）)〕】、.．]*+$")
# What follows a counting word inside a sentence, as in "第一章的", "第一章では", "1장에서".
_CJK_RUNS_ON = re.compile(
    r"[的中里裡内內是和与與及並并也就都有所以已为為在にはがでともやへをのよかま，,。！？!?]|에|은|는|이|을|를|의|과|와|로|까지"
)
_HEBREW = re.compile(
    r"[\s*_]*+(?P<word>פרק|חלק|ספר)\s+(?P<number>[א-ת]{1,3}['׳״\"]?[א-ת]?['׳]?)(?P<rest>[.:–—\s-].{0,80})?$"
)
_HEBREW_VALUES = dict(
    zip("אבגדהוזחטיכלמנסעפצקרשת", [*range(1, 11), *range(20, 101, 10), 200, 300, 400], strict=True)
)
_GREEK = {letter: n for n, letter in enumerate("ΑΒΓΔΕϚΖΗΘ", 1)} | {
    letter: 10 * n for n, letter in enumerate("ΙΚΛΜΝΞΟΠ", 1)
}
_LOOKALIKES = str.maketrans("ІХСМУіхсму", "IXCMVixcmv")  # Cyrillic letters in Roman numbers


@dataclass(frozen=True, slots=True)
class Scripted:
    """A heading with a keyword and number in a script that puts no spaces between words."""

    word: str
    level: int
    number: int


def scripted(line: str) -> Scripted | None:
    """What a line such as "第一章　嵐" or "제1장" is as a heading, or None."""
    match = _CJK.match(line) or _CJK_VOLUME.match(line) or _KOREAN.match(line)
    if match is not None:
        rest, word = match["rest"], match["word"]
        number = cjk_number(match["number"])
        if number is None or not _may_follow(rest):
            return None
        return Scripted(word, _CJK_LEVELS[word], number)
    match = _HEBREW.match(line)
    if match is not None:
        number = hebrew_number(match["number"])
        return Scripted(match["word"], LEVELS[match["word"]], number) if number else None
    return None


def bare_number(line: str) -> int | None:
    """The number of a line that holds nothing but a number in Chinese characters, or None."""
    match = _CJK_BARE.match(line)
    return cjk_number(match["number"]) if match else None


def cjk_number(word: str) -> int | None:
    """The number that "十二", "二〇", "１２" or "삼십" stands for, or None."""
    if word.isdecimal():
        return int(word)
    if all(letter in _CJK_DIGITS for letter in word):
        return int("".join(str(_CJK_DIGITS[letter]) for letter in word))
    total = digit = 0
    for letter in word:
        if letter in _CJK_UNITS:
            total += max(digit, 1) * _CJK_UNITS[letter]
            digit = 0
        elif letter in _CJK_TENS:
            total += _CJK_TENS[letter]
        elif letter in _CJK_DIGITS:
            digit = _CJK_DIGITS[letter]
        else:
            return None
    return total + digit


def hebrew_number(word: str) -> int | None:
    """The number that Hebrew letters such as "י״ב" stand for, or None for letters of a word."""
    values = [_HEBREW_VALUES[letter] for letter in word if letter in _HEBREW_VALUES]
    if not values or sum(values) > 400:
        return None
    # The greater value comes first; 15 and 16 are written as 9 + 6 and 9 + 7.
    return sum(values) if values == sorted(values, reverse=True) else None


def plain_numeral(word: str) -> str:
    """A Roman number in Latin letters: "Ⅻ" is "XII", and Cyrillic letters that look the same."""
    return unicodedata.normalize("NFKC", word).translate(_LOOKALIKES)


def greek_number(word: str) -> int | None:
    """The number that Greek letters such as "ΙΒ" stand for, or None."""
    values = [_GREEK.get(letter, 0) for letter in word.upper().rstrip("'΄ʹ’´")]
    if not values or 0 in values or values != sorted(values, reverse=True):
        return None
    return sum(values)


def _may_follow(rest: str) -> bool:
    """Whether what follows the number of a heading is a title, and not the rest of a sentence."""
    rest = rest.rstrip()
    if not rest:
        return True
    if _CJK_RUNS_ON.match(rest):
        return False
    apart = rest[0].isspace() or not rest[0].isalnum()
    bare = rest.strip(" 　】〕」』）)＞》〉*_#")
    if bare.endswith(("。", "，", "、", "；", "다.", "요.", ",")):
        return False
    return apart or len(bare) <= 24
