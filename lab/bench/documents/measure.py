"""One file read by the product's own way, and compared with what another program reads from it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

import psutil  # type: ignore[import-untyped]

from ingest.book import Book, UnreadableDocument
from ingest.isolation.parent import read_apart
from lab.bench.documents.labels import Chapters, Label, compare
from lab.bench.documents.plain import NoReference, plain_text
from lab.bench.documents.poppler import Line, pages_of
from lab.bench.documents.running import Judged, judge, split_heads
from lab.bench.documents.words import Overlap, overlap, words_of

LONG_ENOUGH = 15  # pages of a PDF whose running heads are judged
_STEP = 0.02  # seconds between two looks at a child's memory


@dataclass(slots=True)
class Measured:
    """What came of a file. ``outcome`` is "read", a refusal's type, or "error: ..."."""

    file: str
    sha256: str
    format: str
    outcome: str = ""
    says: str = ""
    seconds: float = 0.0
    peak_mib: int = 0
    pages: int = 0
    words: Overlap | None = None
    heads: Judged | None = None
    chapters: Chapters | None = None
    titles: tuple[str, ...] = ()
    no_reference: str = ""

    def row(self) -> dict[str, Any]:
        """The values, for a line of JSON."""
        return asdict(self)


def measure(path: Path, labels: dict[str, Label]) -> Measured:
    """Read a file in a child with limits and compare what it gives with a reference."""
    data = path.read_bytes()
    suffix = path.suffix.lower()
    one = Measured(str(path.name), hashlib.sha256(data).hexdigest(), suffix[1:])
    book = _read(data, path.name, one)
    if suffix == ".pdf":
        _compare_pdf(path, book, one)
    else:
        try:
            text = plain_text(data, suffix)
        except NoReference as error:
            text, one.no_reference = None, str(error)
        if text is not None and book:
            one.words = overlap(words_of(text), words_of(book.text))
    label = labels.get(one.sha256)
    if book and label:
        one.chapters = compare(book, label)
    return one


def _read(data: bytes, name: str, one: Measured) -> Book | None:
    watch = _Peak()
    watch.start()
    began = perf_counter()
    book = None
    try:
        book = read_apart(data, name)
        one.outcome = "read"
        one.titles = tuple(chapter.title for chapter in book.chapters if not chapter.made_up)
        one.says = " ".join(book.warnings)
    except UnreadableDocument as error:
        one.outcome, one.says = type(error).__name__, str(error)
    except Exception as error:  # noqa: BLE001 - what must not happen is what is counted
        one.outcome = f"error: {type(error).__name__}: {error}"
    one.seconds = round(perf_counter() - began, 2)
    one.peak_mib = watch.stop() >> 20
    return book


def _compare_pdf(path: Path, book: Book | None, one: Measured) -> None:
    pages = pages_of(path)
    if pages is None:
        one.no_reference = "pdftotext cannot read it"
        return
    one.pages = len(pages)
    heads, bodies = split_heads(pages)
    reference = words_of(_text(bodies))
    if book is None or not reference:
        one.no_reference = "" if reference else "pdftotext finds no words"
        return
    one.words = overlap(reference, words_of(book.text))
    if len(pages) >= LONG_ENOUGH and book.paged:
        read = {page.number: book.text[page.start : page.end] for page in book.pages}
        one.heads = judge(heads, bodies, read)


def _text(pages: list[list[Line]]) -> str:
    return "\n".join(line.text for page in pages for line in page)


class _Peak(Thread):
    """The most memory that any child of this process has used."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._done = Event()
        self._bytes = 0

    def run(self) -> None:
        me = psutil.Process()
        while not self._done.wait(_STEP):
            for child in me.children():
                try:
                    self._bytes = max(self._bytes, child.memory_info().rss)
                except psutil.Error:
                    continue

    def stop(self) -> int:
        """Stop looking; returns the bytes."""
        self._done.set()
        self.join()
        return self._bytes
