"""Long documents with something to find: book text in windows, with sentences planted in some.

The book is cut into windows first and sentences are planted inside single windows afterwards, in
place of the last sentences of that window. All other windows stay as they were. So documents of all
lengths share nearly all windows, and each window is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab.evaluate.cases.case import Case, Span, Split, Window, gold_windows
from lab.evaluate.cases.passages import sentences
from lab.evaluate.cases.records import Question
from memory_models.errors import InvalidRequest

Count = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Measure:
    """How texts are cut and counted: the backbone's tokens, windows of at most `window`."""

    split: Split
    count: Count
    window: int

    def fits(self, text: str) -> bool:
        """True for a text that one window holds."""
        return self.count(text) <= self.window


def book_windows(books: Iterable[str], measure: Measure, tokens: int) -> list[str]:
    """Windows of the books in order, as many whole ones as `tokens` tokens hold; at least one."""
    found: list[str] = []
    total = 0
    for book in books:
        for start, end in measure.split(
            book
        ):  # whole books, so that all lengths have the same windows
            counted = measure.count(book[start:end])
            if found and total + counted > tokens:
                return found
            found.append(book[start:end])
            total += counted
    if total == tokens:
        return found
    raise InvalidRequest(
        f"The books have {total:,} tokens, {tokens:,} are asked for; ask for fewer, or give more "
        "books."
    )


@dataclass(frozen=True, slots=True)
class Document:
    """Windows of one text, and where in it each planted sentence is."""

    text: str
    windows: tuple[Window, ...]
    spans: tuple[Span, ...]  # of each planted sentence, in order
    wrong: tuple[Window, ...]  # the same without any of them

    def case(self, numbers: Sequence[int], asked: Question, passage: str, group: str) -> Case:
        """A case whose answer needs the planted sentences `numbers`."""
        spans = tuple(self.spans[n] for n in numbers)
        return Case(
            record=0,
            question=asked,
            passage=passage,
            windows=self.windows,
            gold=gold_windows(self.windows, 0, spans),
            wrong=self.wrong,
            text=self.text,
            group=group,
            spans=spans,
        )


def joined(texts: Iterable[str], record: int = 0) -> tuple[Window, ...]:
    """Texts as the windows of one document."""
    windows, start = [], 0
    for text in texts:
        windows.append(Window(record, start, start + len(text), text))
        start += len(text)
    return tuple(windows)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document: which window, and how far into it (0 to 1)."""

    window: int
    within: float


def at_depth(depth: float, windows: int) -> Place:
    """The place at `depth` (0 to 1) of a document with this number of windows."""
    at = min(max(depth, 0.0) * windows, windows - 1e-6)
    return Place(int(at), at - int(at))


def planted_document(
    texts: Sequence[str], facts: Sequence[str], places: Sequence[Place], measure: Measure
) -> Document:
    """The windows `texts` with the facts, in their order, at their places."""
    inside: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        inside.setdefault(place.window, []).append(number)
    changed: dict[int, tuple[str, list[Span]]] = {
        window: plant_in(
            texts[window], [(facts[n], places[n].within) for n in numbers], measure.fits
        )
        for window, numbers in inside.items()
    }
    windows = joined(changed[i][0] if i in changed else text for i, text in enumerate(texts))
    return Document(
        text="".join(window.text for window in windows),
        windows=windows,
        spans=_spans(windows, inside, changed, len(facts)),
        wrong=joined(texts),
    )


def _spans(
    windows: Sequence[Window],
    inside: Mapping[int, Sequence[int]],
    changed: Mapping[int, tuple[str, list[Span]]],
    facts: int,
) -> tuple[Span, ...]:
    spans: list[Span] = [(0, 0)] * facts
    for window, numbers in inside.items():
        first = windows[window].start
        for number, (start, end) in zip(numbers, changed[window][1], strict=True):
            spans[number] = (first + start, first + end)
    return tuple(spans)


def plant_in(
    text: str, facts: Sequence[tuple[str, float]], fits: Callable[[str], bool]
) -> tuple[str, list[Span]]:
    """Put facts between the sentences of one window; its last sentences make room for them.

    facts: each with its place in the window (0 to 1), in order. Returns the text and the span of
    each fact in it.
    """
    own = sentences(text)
    before = [round(within * len(own)) for _, within in facts]  # sentences before each fact
    while True:
        planted, spans = _woven(own, [fact for fact, _ in facts], before)
        if fits(planted):
            return planted, spans
        if not own:
            raise InvalidRequest(
                f"{len(facts)} planted sentences of {len(planted)} characters do not fit into one "
                "window; make the document longer."
            )
        own.pop()


def _woven(
    own: Sequence[str], facts: Sequence[str], before: Sequence[int]
) -> tuple[str, list[Span]]:
    text, used = "", 0
    spans = []
    for fact, count in zip(facts, before, strict=True):
        head = "".join(own[used:count])
        used = max(used, min(count, len(own)))
        text += head
        if text and not text[-1].isspace():
            text += " "
        spans.append((len(text), len(text) + len(fact)))
        text += fact + " "
    return text + "".join(own[used:]), spans
