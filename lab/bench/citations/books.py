"""Books made for the bench, of which it is known on which page each sentence begins."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.bench.make_documents import epub_of_bodies, pdf_of_pages

LINES, WIDTH = 40, 74  # of a page of the PDF
WORDS_A_PAGE = 300  # of the EPUB
SENTENCES_A_PARAGRAPH = 6
PAGES_A_CHAPTER = 25
BLANK_EVERY = 20  # this page of each twenty of the PDF is blank
_LONGEST_WHOLE = 7  # letters; a longer word may be broken at the end of a line
_LEAST_BROKEN = 3  # letters of it before the hyphen

_WHO = [
    "Mara",
    "Tobias",
    "Ilse",
    "Anton",
    "Greta",
    "Joren",
    "Petra",
    "Wim",
    "Hanna",
    "Oskar",
    "Luise",
    "Bruno",
]
_DID = [
    "carried",
    "hid",
    "painted",
    "mended",
    "buried",
    "borrowed",
    "forgot",
    "photographed",
    "measured",
    "inherited",
]
_WHAT = [
    "lantern",
    "violin",
    "barometer",
    "telescope",
    "letter",
    "umbrella",
    "harpsichord",
    "encyclopaedia",
    "wheelbarrow",
    "portrait",
    "gramophone",
    "tablecloth",
]
_WHERE = [
    "behind the observatory",
    "under the staircase",
    "beside the lighthouse",
    "in the greenhouse",
    "at the crossroads",
    "near the waterworks",
    "above the pharmacy",
    "inside the clocktower",
]
_WHEN = ["On a Monday", "On a Wednesday", "In the winter", "In the autumn", "At the harvest"]


@dataclass(frozen=True, slots=True)
class Known:
    """A sentence, and the printed label of the page on which it begins."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class MadeBook:
    """A file and the sentences in it, in order."""

    name: str
    data: bytes
    sentences: tuple[Known, ...]


@dataclass(slots=True)
class _Setter:
    """Sets words in lines and lines in pages."""

    pages: list[list[str]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _line: str = ""

    def word(self, word: str) -> int:
        """Set a word, broken where it does not fit; returns the page of its first letter."""
        room = WIDTH - len(self._line) - 1
        if len(word) <= room:
            self._line = f"{self._line} {word}".strip()
            return self.page
        head = min(room - 1, len(word) - _LEAST_BROKEN)
        if len(word) > _LONGEST_WHOLE and word.isalpha() and head >= _LEAST_BROKEN:
            page = self.page
            self._line = f"{self._line} {word[:head]}-".strip()
            self.end_line()
            self._line = word[head:]
            return page
        self.end_line()
        self._line = word
        return self.page

    @property
    def page(self) -> int:
        """The number of the page that is being set, from 1."""
        return len(self.pages) + 1

    def end_line(self) -> None:
        """Begin a new line, and a new page after the last one."""
        self._lines.append(self._line)
        self._line = ""
        if len(self._lines) == LINES:
            self.pages.append(self._lines)
            self._lines = []
            if self.page % BLANK_EVERY == 0:
                self.pages.append([])

    def end_paragraph(self) -> None:
        """End the line and leave one free, but not at the top of a page."""
        self.end_line()
        if self._lines:
            self.end_line()


def made_pdf(pages: int, seed: int = 0) -> MadeBook:
    """A PDF with words broken at line ends, sentences over two pages, and blank pages."""
    told = _sentences(random.Random(seed))
    setter = _Setter()
    known = []
    while len(setter.pages) < pages:
        for _ in range(SENTENCES_A_PARAGRAPH):
            sentence = next(told)
            placed = [setter.word(word) for word in sentence.split()]
            known.append(Known(sentence, str(placed[0])))
        setter.end_paragraph()
    sheets = setter.pages[:pages]
    inside = tuple(k for k in known if int(k.label) < pages)
    chapters = [
        (f"Chapter {1 + first // PAGES_A_CHAPTER}", first)
        for first in range(0, pages, PAGES_A_CHAPTER)
    ]
    return MadeBook("made.pdf", pdf_of_pages("Made PDF", sheets, chapters), inside)


def made_epub(pages: int, seed: int = 1) -> MadeBook:
    """An EPUB that says where the pages of its printed edition begin, also within sentences."""
    told = _sentences(random.Random(seed))
    known = []
    bodies: list[tuple[str, str]] = []
    page, words, body = 0, WORDS_A_PAGE, ""
    while page <= pages:
        body += "<p>"
        for _ in range(SENTENCES_A_PARAGRAPH):
            sentence = next(told)
            first = ""
            for word in sentence.split():
                if words == WORDS_A_PAGE:
                    page, words = page + 1, 0
                    body += f'<span role="doc-pagebreak" id="p{page}" aria-label="{page}"></span>'
                first = first or str(page)
                body += f"{word} "
                words += 1
            known.append(Known(sentence, first))
        body += "</p>"
        if page >= PAGES_A_CHAPTER * (len(bodies) + 1):
            bodies.append((f"Chapter {len(bodies) + 1}", body))
            body = ""
    bodies.append((f"Chapter {len(bodies) + 1}", body or "<p>The end.</p>"))
    return MadeBook("made.epub", epub_of_bodies("Made EPUB", bodies), tuple(known))


def _sentences(chance: random.Random) -> Iterator[str]:
    """Sentences that are all different."""
    seen: set[str] = set()
    while True:
        said = (
            f"{chance.choice(_WHEN)} of {chance.randint(1500, 1999)} {chance.choice(_WHO)} "
            f"{chance.choice(_DID)} the {chance.choice(_WHAT)} {chance.choice(_WHERE)}, and "
            f"{chance.choice(_WHO)} {chance.choice(_DID)} the {chance.choice(_WHAT)}."
        )
        if said not in seen:
            seen.add(said)
            yield said
