"""Rich Text Format: control words and groups to paragraphs, heading styles to headings."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from ingest.book import Book, TooLarge
from ingest.chapters import Mark
from ingest.readers.compose import Draft, clean, compose, only_heading, title_from

_TOKEN = re.compile(
    r"\\([A-Za-z]{1,32})(-?\d{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\([^A-Za-z])|([{}])"
    r"|[\r\n]++|([^\\{}\r\n]++)",
    re.DOTALL,
)
_CELL = "\ue000"  # ends a cell until its row is written; no letter
_SIGNS = {
    "par": "\n\n", "sect": "\n\n", "page": "\n\n", "line": "\n", "tab": "\t", "emdash": "—",
    "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "softline": "\n",
    "cell": "\ue000", "nestcell": "\ue000", "row": "\n\n", "nestrow": "\n\n",
}  # fmt: skip
_SKIPPED = frozenset(
    {"colortbl", "pict", "object", "objdata", "header", "headerl", "headerr", "headerf", "footer"}
    | {"footerl", "footerr", "footerf", "fldinst", "datafield", "themedata", "colorschememapping"}
    | {"latentstyles", "datastore", "listtable", "listoverridetable", "rsidtbl", "generator"}
    | {"filetbl", "revtbl", "xmlnstbl", "operator", "comment", "annotation", "atnid", "atnauthor"}
    | {"private", "nonshppict", "bkmkstart", "bkmkend", "xe", "tc", "rxe", "pgptbl", "sn", "sv"}
)
_TABLES = ("fonttbl", "stylesheet", "info")
_KEPT = frozenset({"shpinst", "shptxt", "fldrslt", "footnote", "ud", "upr", "listtext", "pntext"})
_PAGES = {
    "mac": "mac_roman", "pc": "cp437", "pca": "cp850", "ansi": "cp1252",
}  # fmt: skip
_CHARSETS = {
    77: 10000, 128: 932, 129: 949, 130: 1361, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258,
    177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250,
}  # fmt: skip
_HEADING_STYLE = re.compile(
    r"\s*+(?:heading|überschrift|titre|título|titolo|kop|заголовок|nagłówek|標題|标题|見出し)\s{0,3}([1-6])\b",
    re.IGNORECASE,
)
_MOST_GROUPS = 10_000  # that are open at once


@dataclass(slots=True)
class _State:
    """What holds inside of a group."""

    skipped: bool = False
    into: str = ""  # a destination that is read by itself: "fonttbl", "stylesheet", "title" ...
    unicode_bytes: int = 1
    encoding: str = ""
    hidden: bool = False
    style: int = 0
    level: int = 0  # of a heading


@dataclass(slots=True)
class _Reading:
    """What was read so far."""

    encoding: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    styles: dict[int, int] = field(default_factory=dict)  # levels of heading styles
    info: dict[str, str] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    paragraph: int = 0  # where the open paragraph starts, in ``pieces``
    at: int = 0  # the same in the text
    marks: list[Mark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    pending: bytearray = field(default_factory=bytearray)
    skip: int = 0  # characters that stand for one that was written as Unicode
    font: int = 0
    style: int = 0


def read_rtf(data: bytes, name: str) -> Book:
    """An RTF file as a Book. Raises TooLarge or EmptyDocument."""
    reading = _Reading()
    _read(data.decode("latin-1"), reading)
    text = "".join(reading.pieces)
    info = reading.info
    title = title_from(name, info.get("title"), only_heading(reading.marks))
    return compose(Draft("rtf", text, title, info.get("author", ""), marks=reading.marks))


def _read(source: str, reading: _Reading) -> None:
    stack: list[_State] = []
    state = _State()
    at = 0
    while match := _TOKEN.match(source, at):
        at = match.end()
        word, value, byte, sign, brace, plain = match.groups()
        if brace or word:
            _flush(reading, state)
            reading.skip = 0
        if brace == "{":
            stack.append(state)
            state = replace(state)
            if len(stack) > _MOST_GROUPS:
                raise TooLarge(
                    f"The RTF file's groups are nested more than {_MOST_GROUPS:,} levels deep;"
                    " save it as DOCX."
                )
        elif brace and stack:
            state = stack.pop()
        elif word == "bin":
            at += max(0, int(value or 0))
        elif word:
            _control(reading, state, word, int(value) if value else None)
        elif byte:
            _bytes(reading, bytes.fromhex(byte))
        elif sign:
            _symbol(reading, state, sign)
        elif plain:
            _bytes(reading, plain.encode("latin-1"))
    _flush(reading, state)
    _end_paragraph(reading, state, "")


def _control(reading: _Reading, state: _State, word: str, value: int | None) -> None:
    """Do what a control word says."""
    if word == "u" and value is not None:
        _write(reading, state, chr(value % 0x10000))
        reading.skip = state.unicode_bytes
    elif word in _SKIPPED:
        state.skipped = True
    elif word in _TABLES or (state.into == "info" and word in ("title", "author")):
        state.into = word
    elif state.into == "info":
        state.skipped = word not in ("upr", "ud")
    elif word in _KEPT:
        state.skipped = False
        if word == "footnote":
            state.into = word
            reading.notes.append("")
    elif word in _SIGNS:
        _write(reading, state, _SIGNS[word])
    else:
        _format(reading, state, word, int(word == "v") if value is None else value)


def _format(reading: _Reading, state: _State, word: str, value: int) -> None:
    """Note what a control word says about letters, fonts and styles."""
    if word == "uc":
        state.unicode_bytes = min(max(value, 0), 8)
    elif word == "ansicpg":
        reading.encoding = _encoding(value) or reading.encoding
    elif word in _PAGES:
        reading.encoding = _PAGES[word]
    elif word == "f":
        reading.font = value
        state.encoding = reading.fonts.get(value, "")
    elif word == "fcharset" and state.into == "fonttbl":
        reading.fonts[reading.font] = _encoding(_CHARSETS.get(value, 0)) or ""
    elif word in ("v", "deleted"):
        state.hidden = value != 0 or word == "deleted"
    elif word in ("plain", "pard"):
        state.hidden = False
        if word == "pard":
            state.level = 0
    elif word == "s":
        reading.style = value
        state.level = reading.styles.get(value, 0)
    elif word == "outlinelevel" and state.into == "stylesheet" and 0 <= value < 6:
        reading.styles[reading.style] = value + 1
    elif word == "outlinelevel" and 0 <= value < 6:
        state.level = value + 1


def _symbol(reading: _Reading, state: _State, sign: str) -> None:
    """Write what a backslash and a sign stand for; "*" starts a destination that may be skipped."""
    if sign == "*":
        state.skipped = True
    elif sign in "\\{}":
        _bytes(reading, sign.encode())
    else:
        _flush(reading, state)
        said = {"~": "\u00a0", "_": "\u2011", "\n": "\n\n", "\r": "\n\n"}.get(sign, "")
        _write(reading, state, said)


def _bytes(reading: _Reading, more: bytes) -> None:
    """Keep bytes until it is known in which encoding a run of them is."""
    if reading.skip:
        passed = min(reading.skip, len(more))
        reading.skip -= passed
        more = more[passed:]
    reading.pending += more


def _flush(reading: _Reading, state: _State) -> None:
    """Write the bytes that wait."""
    if reading.pending:
        encoding = state.encoding or reading.encoding
        text = bytes(reading.pending).decode(encoding, errors="replace")
        reading.pending.clear()
        _write(reading, state, text)


def _write(reading: _Reading, state: _State, text: str) -> None:
    """Write a text where the group's destination wants it."""
    if state.skipped or state.hidden or not text:
        return
    if state.into == "stylesheet":
        match = _HEADING_STYLE.match(text)
        if match:
            reading.styles.setdefault(reading.style, int(match[1]))
    elif state.into in ("title", "author"):
        reading.info[state.into] = (reading.info.get(state.into, "") + text)[:1_000]
    elif state.into == "footnote":
        if not reading.notes:  # the paragraph that it belongs to has ended already
            reading.notes.append("")
        if len(reading.notes[-1]) < 100_000:
            reading.notes[-1] += text.replace(_CELL, " ")
    elif text == "\n\n":
        _end_paragraph(reading, state, text)
    elif not state.into:
        reading.pieces.append(text)


def _end_paragraph(reading: _Reading, state: _State, end: str) -> None:
    """Close the open paragraph: join its surrogates and cells, and mark a heading."""
    joined = "".join(reading.pieces[reading.paragraph :])
    joined = joined.replace("\uf0b7", "•")  # in the font Symbol
    joined = joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    line = clean(joined).rstrip(_CELL)
    line = " | ".join(cell.strip() for cell in line.split(_CELL)) if _CELL in line else line
    notes = [" ".join(clean(note).split()) for note in reading.notes]
    if state.level and line.strip():
        reading.marks.append(Mark(reading.at, line.strip()[:1_000], state.level))
    whole = line + end + "".join(f"{note}\n\n" for note in notes if note)
    del reading.pieces[reading.paragraph :]
    reading.pieces.append(whole)
    reading.paragraph = len(reading.pieces)
    reading.at += len(whole)
    reading.notes.clear()


def _encoding(page: int) -> str | None:
    """Python's name of a code page, or None if there is none."""
    name = {10000: "mac_roman", 65001: "utf-8"}.get(page, f"cp{page}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
