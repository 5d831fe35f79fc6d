"""From citations to marked sentences: the page of the link, what is marked, and how long it takes.

The books are made here, so that the right page is known from how they were set and not from the
program. They are added, not read: a citation is made from a sentence's place as it is under an
answer, without a model.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any

from app.answering.answers import Evidence
from app.answering.evidence import Sentence
from app.answering.places import placed
from app.library import Library
from app.pictures.files import PagesOfFiles
from app.pictures.shown import PagePictures, ShownPage
from app.storage.store import Document, Message
from app.ui.leaves import matches_in
from app.ui.tabs.reading.book_views import TEXT, BookViews, Spot
from app.ui.texts import bubble
from ingest.cuts import sentence_ends
from ingest.pictures.letters import bare_letters
from lab.bench.citations.books import Known, MadeBook, made_epub, made_pdf
from lab.bench.citations.clicks import click_times
from lab.bench.plans import CitationsPlan

CHAT = "Citations"
AT_ONCE = 16  # citations whose pages one process draws
LONG_TEXT = 2_000_000  # characters that are searched
_LINK = re.compile(r'href="#read=([0-9a-f]+):(\d+)-(\d+)"')
_MARK = re.compile(r"<mark>(.*?)</mark>", re.DOTALL)
OnCitation = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Cited:
    """A known sentence and the citation of it."""

    known: Known
    evidence: Evidence


def citation_figures(library: Library, plan: CitationsPlan, told: OnCitation) -> dict[str, Any]:
    """The figures of a PDF and an EPUB."""
    rows, documents = [], []
    for number, book in enumerate((made_pdf(plan.pages), made_epub(plan.pages))):
        document, _ = library.register(book.data, book.name)
        cited = citations(library, document, book, plan.sentences)
        rows.append(checked(library, document, cited, plan.sentences))
        documents.append((document, cited))
        told(number + 1, 2)
    found: dict[str, Any] = {"rows": rows, "find": find_times(library, documents[0][0])}
    if plan.browser:
        for document, cited in documents:
            talk(library, document, cited)
        found["clicks"] = click_times(library, [document for document, _ in documents], plan.clicks)
    return found


def citations(
    library: Library, document: Document, book: MadeBook, count: int
) -> list[Cited | None]:
    """Citations of known sentences spread over a book; None for one that is not in its text."""
    step = max(1, len(book.sentences) // count)
    wanted = book.sentences[::step][:count]
    text = library.store.text(document.reading.text_id).text
    segments = library.store.segments(document.reading, 0)
    starts = [segment.start for segment in segments]
    places = _places_of_sentences(text)
    made: list[Cited | None] = []
    for known in wanted:
        span = places.get(bare_letters(known.text))
        if span is None:
            made.append(None)
            continue
        number = bisect_right(starts, span[0]) - 1
        offset = span[0] - starts[number]
        sentence = Sentence(
            number, offset, offset + span[1] - span[0], 0, 1, 1.0, text[slice(*span)]
        )
        made.append(Cited(known, placed(library.store, document.reading, [sentence])[0]))
    return made


def _places_of_sentences(text: str) -> dict[str, tuple[int, int]]:
    """Where each sentence stands, by its letters."""
    edges = [0, *sentence_ends(text), len(text)]
    return {bare_letters(text[a:b]): (a, b) for a, b in pairwise(edges) if b > a}


def checked(
    library: Library, document: Document, cited: Sequence[Cited | None], count: int
) -> dict[str, Any]:
    """How many citations lead to the right page with the right words marked."""
    views, pictures = BookViews(), PagePictures()
    files = PagesOfFiles.of(library.store, document)
    right_page = right_text = right_boxes = 0
    seconds: list[float] = []
    present = list(filter(None, cited))
    for number, one in enumerate(present):
        if number % AT_ONCE == 0:
            _draw(library, document, files, pictures, present[number : number + AT_ONCE])
        link = _LINK.search(bubble(_answer(document, one)))
        assert link is not None
        start, end = int(link[2]), int(link[3])
        wanted = bare_letters(one.known.text)
        right_page += one.evidence.label_first == one.known.label
        begun = perf_counter()
        spot = Spot(document.id, start, start, end)
        shown = views.shown(library, document, spot, TEXT)
        seconds.append(perf_counter() - begun)
        marked = "".join(html.unescape(re.sub("<[^>]*>", "", m)) for m in _MARK.findall(shown.html))
        right_text += bare_letters(marked) == wanted
        if files.has_pictures:
            pages = pictures.cited(library, document, files, (start, end))
            is_page = pages[0].label == one.known.label
            right_boxes += is_page and letters_under(pages) == wanted
    row = {
        "format": document.format,
        "pages": files.index.pages[-1].number,
        "citations": count,
        "in the text": len(present),
        "right page": right_page,
        "right words marked in the text": right_text,
    }
    if files.has_pictures:
        row["right words marked on the page"] = right_boxes
    return row | {"seconds to make the leaf, median": round(median(seconds), 4)}


def _draw(
    library: Library,
    document: Document,
    files: PagesOfFiles,
    pictures: PagePictures,
    cited: Sequence[Cited],
) -> None:
    """Draw the pages of some citations by one child, so that not each of them starts one."""
    pages = {
        page.number
        for one in cited
        for page in files.index.over(one.evidence.start, one.evidence.end)
    }
    pictures.drawn(library, document, files, sorted(pages))


def letters_under(pages: Sequence[ShownPage]) -> str:
    """The letters whose middles lie under the marks of some pages."""
    found = ""
    for page in pages:
        picture = page.picture
        for n in range(len(picture.letters) if picture else 0):
            assert picture is not None
            box = picture.box(n)
            x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
            if any(m.left <= x <= m.right and m.top <= y <= m.bottom for m in page.boxes):
                found += picture.letters[n]
    return found


def _answer(document: Document, cited: Cited) -> Message:
    evidence = [asdict(cited.evidence)]
    return Message(
        "assistant", "It is said.", 0.9, evidence=evidence, word="sure",
        reading_id=document.reading.id,
    )  # fmt: skip


def talk(library: Library, document: Document, cited: Sequence[Cited | None]) -> int:
    """A chat whose answers have these citations."""
    chat = library.store.start_chat(document.id, CHAT)
    for one in filter(None, cited):
        library.store.say(chat, Message("user", "Where is it said?"))
        library.store.say(chat, _answer(document, one))
    return chat


def find_times(library: Library, document: Document) -> dict[str, Any]:
    """Seconds to find words in a text of two million characters, at the worst of three."""
    text = library.store.text(document.reading.text_id).text
    long = (text * (1 + LONG_TEXT // len(text)))[:LONG_TEXT]
    found = {}
    for name, words in (("often", "the"), ("once a page", "harpsichord inside"), ("never", "e x")):
        times = []
        for _ in range(3):
            begun = perf_counter()
            matches_in(long, words)
            times.append(perf_counter() - begun)
        found[f"seconds, {name}"] = round(max(times), 3)
    return {"characters": LONG_TEXT} | found
