"""Thorough answers: every segment of a scope is asked by itself, and the answers make a list.

An ordinary answer opens the few segments that the question addresses. Here the question is put to
all of them, from their stored slots: no text is read again. The answer adapter abstains where a
segment does not answer, so its probability of answering says which segments may. In each of those
the best sentence (`app/answering/evidence.py`) gets a second look: only its slots and a few around
it are visible. The mean of both looks' probabilities of answering is the *support* of what it
answers. The rest of the segment is asked again, because it may answer, too. Equal answers are one
item, and items stand in the order of the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from app.answering.evidence import OpenedText, Sentence, rank_sentences
from app.answering.items import Place, ThoroughAnswer, normalized, thorough_answer
from app.answering.places import placed
from app.errors import InvalidQuestion
from app.state_reader import Scope, StateReader
from app.storage.store import Document
from memory_models.generate import Abstention, Decoding, Mixture, Trace, answerabilities, generate
from memory_models.memory import Bundle, Reading, Span
from memory_models.prompt import build_prompt
from memory_models.recall import WindowMemory

if TYPE_CHECKING:
    from app.library import Library

ROWS = 8  # segments asked at once, each as a row of its own
POSSIBLE = 0.3  # probability of answering from which a segment, or its rest, gets a second look
TRIES = 2  # sentences of a span that get a second look, until one answers
WEAK = 0.65  # support from which an answer is listed
MARGIN = 8  # tokens around the best sentence that the second look sees; more of them mix up names

OnRows = Callable[[int, int], None]
"""Called with how many segments have been asked, and how many there are."""

Watch = Callable[[], None]


def quiet(*_: object) -> None:
    """Progress that nobody watches."""


def ask_thoroughly(
    library: Library, document_id: str, question: str, scope: Scope, on_progress: OnRows = quiet
) -> ThoroughAnswer:
    """Ask every segment of the scope; raising from `on_progress` stops.

    Raises InvalidQuestion for a memory that keeps no segments apart, and without an answer adapter.
    """
    return _Asking(library, library.store.document(document_id), question).all(scope, on_progress)


class _Asking:
    """One question to one document's segments."""

    def __init__(self, library: Library, document: Document, question: str) -> None:
        self._library = library
        self._document = document
        self._question = question
        self._started = perf_counter()
        self._states = StateReader(library.store)
        self._tokenizer = library.backbone.tokenizer
        self._prompt = build_prompt(self._tokenizer, question)
        memory = library.memory_of(document)
        if memory.opens != "windows":
            raise InvalidQuestion(
                f"The memory {memory.kind!r} keeps the whole document as one state and cannot be "
                "asked page by page; read the document with the adaptive memory, which can."
            )
        abstention = library.engine.abstention_of(memory)
        if abstention is None:
            raise InvalidQuestion(
                "Asking page by page needs an answer adapter, which says where a page does not "
                "answer, and none is in use; install one for this backbone, or ask as usual."
            )
        self._memory: WindowMemory = memory
        self._abstention: Abstention = replace(abstention, threshold=0.0)

    def all(self, scope: Scope, on_progress: OnRows) -> ThoroughAnswer:
        """Ask all segments of the scope, a batch at a time; holds the slots of one batch only."""
        segments = self._states.inside(self._document, scope)
        places: list[Place] = []
        likeliest = 0.0
        on_progress(0, len(segments))
        for first in range(0, len(segments), ROWS):
            part = segments[first : first + ROWS]
            slots = self._states.slots(self._document, self._memory, part)
            for segment, possible in self._possible(slots).items():
                likeliest = max(likeliest, possible)
                if possible >= POSSIBLE:
                    watch = partial(on_progress, first, len(segments))
                    places += self._places(segment, slots[segment], watch)
            on_progress(first + len(part), len(segments))
        seconds = perf_counter() - self._started
        return thorough_answer(places, len(segments), likeliest, seconds)

    def _possible(self, slots: Mapping[int, Bundle]) -> dict[int, float]:
        """How probably each of these segments answers, at the first look."""
        reading = self._memory.recall(slots, torch.zeros(len(slots)))
        found = answerabilities(reading, self._prompt.tokens, self._abstention)
        return dict(zip(slots, found, strict=True))

    def _places(self, segment: int, slots: Bundle, watch: Watch) -> Iterator[Place]:
        """What a segment answers: its best sentence, then what is left of it on either side.

        watch: called before each step; it may raise.
        """
        stored = self._library.store.some_segments(self._document.reading, [segment])[segment]
        text = OpenedText(segment, stored.start, stored.text)
        opened = self._memory.recall({segment: slots}, torch.zeros(1))
        waiting: list[tuple[Span, Reading | None]] = [
            (Span(segment, 0, self._memory.window), opened)
        ]
        while waiting:
            span, reading = waiting.pop()
            watch()
            for sentence, possible in self._first_look(reading, text, span):
                place = self._second_look(opened, sentence, possible, watch)
                if place is not None:
                    yield place
                    waiting += [(rest, opened.focused(rest)) for rest in _around(span, sentence)]
                    break

    def _first_look(
        self, reading: Reading | None, text: OpenedText, span: Span
    ) -> list[tuple[Sentence, float]]:
        """The sentences of a span that answer best, with how probably the span answers."""
        if reading is None:
            return []
        (possible,) = answerabilities(reading, self._prompt.tokens, self._abstention)
        pointed = reading.pointed([1.0])
        if possible < POSSIBLE or not pointed:
            return []
        ranked = rank_sentences(self._question, [text], pointed, self._tokenizer)
        inside = (s for s in ranked if span.first <= s.first and s.last <= span.last)
        return [(sentence, possible) for sentence in islice(inside, TRIES)]

    def _second_look(
        self, opened: Reading, sentence: Sentence, possible: float, watch: Watch
    ) -> Place | None:
        """What a sentence answers when hardly anything else is visible, if both looks are sure."""
        segment, first, last = sentence.span
        reading = opened.focused(Span(segment, max(0, first - MARGIN), last + MARGIN))
        if reading is None:
            return None
        mixture = Mixture(reading, self._abstention)
        mixture.prefill(self._prompt.tokens, self._prompt.question)
        support = (possible + mixture.answerability) / 2
        if support < WEAK:
            return None
        trace = Trace()
        decoding = Decoding(max_tokens=self._library.settings.answer_tokens)
        for _ in generate(mixture, self._tokenizer.chat.stops, decoding, trace):
            watch()
        answer = self._tokenizer.decode(trace.tokens).strip()
        found = placed(self._library.store, self._document.reading, [sentence])
        if not normalized(answer) or not found:
            return None
        return Place(answer, support, found[0])


def _around(span: Span, sentence: Sentence) -> list[Span]:
    """What is left of a span before and behind a sentence."""
    before = Span(span.segment, span.first, sentence.first)
    behind = Span(span.segment, sentence.last, span.last)
    return [rest for rest in (before, behind) if rest.first < rest.last]
