"""Summaries from the state: of segments, then chapters, then the book. Each is stored.

Each segment of a chapter is opened from its own slots and summarised in one sentence; together
these sentences are the chapter's summary. For the book, the chapters' summaries are read through
the same memory as if they were a text, and summarised again until the result is short enough; where
the model makes them no shorter, sentences are chosen from them (`condensed.py`). A
recurrent memory (Infini, MELODI) has no segments to open, so its state at the end of the chapter is
asked for a summary.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from app.errors import InvalidQuestion, NotReady
from app.library import Library, OnProgress, ReadProgress, quiet
from app.state_reader import Scope, StateReader
from app.storage.store import BOOK, Document, Summary
from app.summaries.condensed import chosen, is_pasted
from app.summaries.told import END, Told, joined, pages_of, sentences_of, told
from ingest.book import Chapter
from ingest.segments import split_text
from memory_models.decoder import Decoder
from memory_models.errors import InvalidRequest
from memory_models.generate import Decoding, Mixture, Trace, generate, generate_each
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memory import Bundle, Reading
from memory_models.prompt import ABSTAINED, TELL, build_prompt
from memory_models.recall import RecurrentMemory, WindowMemory
from memory_models.tokenizer import Tokenizer

REQUEST = "What happens in the text above? Who does what?"  # for a backbone without an adapter
LEAD = "In this part, "  # without these words an untrained model writes a review
WINDOW_TOKENS = 64
WHOLE_TOKENS = 160
BOOK_TOKENS = 1024  # most tokens of a book's summary
BOOK_SENTENCES = 14  # about as many as its summary should have: a page
SPAN_TOKENS = 64  # fewest tokens of summaries that become one sentence of the book's
SHORTER = 0.8  # what a round must make of a book's summary, for another to be worth its time
NO_REPEAT = 6  # tokens in a row that may not occur twice; longer than most names
NAME = re.compile(r"\b[^\W\d_]{2,}")  # a name if its first letter is a capital
TITLES = frozenset(("Mr", "Mrs", "Ms", "Dr", "St", "Miss", "Sir", "Lady", "Lord"))
ROWS = 4  # segments summarised at once, each with a second row that sees no memory
CONTRAST = 0.5  # weight of what the model would say without memory; docs/experiments/summaries.md
REFUSAL = ABSTAINED.rstrip(".").lower()


def told_chapters(library: Library, document: Document, *, whole_book: bool = False) -> list[int]:
    """The numbers of the chapters that a book's summary tells.

    What a publisher puts around the work, such as a licence, is left out, and so is what the
    document's reader has not finished. Raises InvalidQuestion where nothing is left.
    """
    chapters = list(enumerate(library.store.chapters(document.reading), start=1))
    work = [(n, c) for n, c in chapters if c.matter == "main"] or chapters
    read_to = None if whole_book else library.store.read_to(document.id)
    told = [n for n, c in work if read_to is None or c.end <= read_to]
    if not told:
        raise InvalidQuestion(
            "You have not finished a chapter yet, so there is nothing to summarise; set the place "
            "up to which you have read further on, or lift it."
        )
    return told


def check_chapter(
    library: Library, document: Document, number: int, *, whole_book: bool = False
) -> None:
    """Raise InvalidQuestion for a chapter that is not there, or that is not to be told yet."""
    chapters = library.store.chapters(document.reading)
    Scope(chapter=number).check(len(chapters))
    read_to = None if whole_book else library.store.read_to(document.id)
    if read_to is not None and chapters[number - 1].end > read_to:
        raise InvalidQuestion(
            f"You have not finished chapter {number} yet, so it is not summarised; set the "
            "place up to which you have read further on, or lift it."
        )


class Summarizer:
    """Makes and stores summaries of the documents of one library.

    `watch` is called before every token and every segment; if it raises, the summary stops. With
    `again`, each summary is made again and replaces the stored one, but for those of the chapters
    `made`. Nothing behind the place that the document's reader has reached is summarised, unless
    for the `whole_book`. `on_told` is called with the number of segments that were summarised.
    """

    def __init__(
        self,
        library: Library,
        watch: Callable[[], None] = quiet,
        *,
        again: bool = False,
        whole_book: bool = False,
        made: Collection[int] = (),
        on_told: Callable[[int], None] = quiet,
    ) -> None:
        self._library = library
        self._again = again
        self._made_before = frozenset(made)
        self._on_told = on_told
        self._whole_book = whole_book
        self._made: set[tuple[str, int]] = set()
        self._watch = watch
        self._states = StateReader(library.store)
        self._tokenizer = library.backbone.tokenizer
        self._adapted = library.engine.trained.summaries() if library.settings.adapters else None

    def chapters(self, document: Document, on_progress: OnProgress = quiet) -> Iterator[Summary]:
        """The summaries of `told_chapters`, in order; missing ones are made."""
        numbers = told_chapters(self._library, document, whole_book=self._whole_book)
        yield from self.each(document, numbers, on_progress)

    def each(
        self, document: Document, numbers: Sequence[int], on_progress: OnProgress = quiet
    ) -> Iterator[Summary]:
        """The summaries of some chapters, in order; missing ones are made."""
        count = len(numbers)
        started = perf_counter()
        for done, number in enumerate(numbers, start=1):
            yield self.chapter(document, number)
            left = (perf_counter() - started) / done * (count - done)
            on_progress(ReadProgress(document.id, done, count, 0.0, left))

    def chapter(self, document: Document, number: int) -> Summary:
        """One chapter's summary, from that chapter's part of the state."""
        self._check_ready(document)
        check_chapter(self._library, document, number, whole_book=self._whole_book)
        chapters = self._library.store.chapters(document.reading)
        if known := self._known(document, number):
            return known
        memory = self._library.memory_of(document)
        if memory.opens == "windows":
            parts = self._from_windows(document, memory, number)
        else:
            text = self._from_carry(document, memory, Scope(chapter=number))
            parts = self._told_by_chapter(document, chapters[number - 1], text)
        return self._keep(document, _summary(number, chapters[number - 1].title, parts))

    def book(self, document: Document) -> Summary:
        """The whole book's summary, or the story so far, from the chapters' summaries."""
        self._check_ready(document)
        number, title = BOOK, document.title
        if self._read_to(document) is not None:
            last = told_chapters(self._library, document)[-1]
            number, title = -last, f"{document.title}, to the end of chapter {last}"
        known = self._known(document, number)
        if known and not self._is_pasted(document, known):
            return known
        made = list(self.chapters(document))
        parts = [part for summary in made for part in self._told_again(document, summary)]
        if len(parts) > 1:
            parts = self._shortened(parts)
        return self._keep(document, _summary(number, title, parts))

    def _is_pasted(self, document: Document, book: Summary) -> bool:
        """True for what an earlier version made of a short book: its chapters in a row."""
        stored = self._library.store.summaries(document)
        told = told_chapters(self._library, document, whole_book=self._whole_book)
        return is_pasted(book, [stored[number] for number in told if number in stored])

    def _told_again(self, document: Document, summary: Summary) -> list[Told]:
        """The sentences of a stored chapter's summary; an older one has the chapter's pages."""
        if summary.sentences or not summary.summary:
            return [Told(**sentence) for sentence in summary.sentences]
        chapter = self._library.store.chapters(document.reading)[summary.chapter - 1]
        pages = self._pages(document, chapter)
        return [Told(sentence, *pages) for sentence in sentences_of(summary.summary)]

    def _told_by_chapter(self, document: Document, chapter: Chapter, text: str) -> list[Told]:
        source = self._library.store.text_part(document.reading, chapter.start, chapter.end)
        return told(text, source, self._pages(document, chapter))

    def _pages(self, document: Document, chapter: Chapter) -> tuple[int, int]:
        """Numbers of a chapter's first and last page."""
        pages = self._library.store.pages(document.reading)
        inside = [p.number for p in pages if p.start < chapter.end and p.end > chapter.start]
        return inside[0], inside[-1]

    def _read_to(self, document: Document) -> int | None:
        return None if self._whole_book else self._library.store.read_to(document.id)

    def _check_ready(self, document: Document) -> None:
        self._library.store.check_reading(document.reading)
        if not document.ready:
            raise NotReady(f"{document.how_far}; finish reading it, then summarise it.")

    def _known(self, document: Document, number: int) -> Summary | None:
        made = number in self._made_before or (document.id, number) in self._made
        if self._again and not made:
            return None
        return self._library.store.summaries(document).get(number)

    def _keep(self, document: Document, summary: Summary) -> Summary:
        self._library.store.save_summary(document, summary)
        self._made.add((document.id, summary.chapter))
        return summary

    def _from_windows(self, document: Document, memory: WindowMemory, number: int) -> list[Told]:
        inside = [
            segment
            for segment, chapter in enumerate(
                self._library.store.segment_chapters(document.reading)
            )
            if chapter == number
        ]
        texts = self._windows(document, memory, inside)
        segments = self._library.store.some_segments(document.reading, inside)
        parts: list[Told] = []
        for segment, text in zip(inside, texts, strict=True):
            found = segments[segment]
            parts += told(text, found.text, (found.page_first, found.page_last))
        return parts

    def windows(self, document: Document, segments: Sequence[int]) -> list[str]:
        """A summary of each of these segments; they are not stored."""
        self._check_ready(document)
        memory = self._library.memory_of(document)
        if memory.opens != "windows":
            raise InvalidRequest(
                f"A state of the memory {memory.kind!r} cannot be opened segment by segment; read "
                "the document with the adaptive memory."
            )
        return self._windows(document, memory, segments)

    @property
    def _decoder(self) -> Decoder:
        """The decoder with the summary adapter, or the plain backbone.

        The answer adapter is not used, because it is trained to answer in a few words.
        """
        return self._adapted.decoder if self._adapted else self._library.backbone.decoder

    def _windows(
        self, document: Document, memory: WindowMemory, segments: Sequence[int]
    ) -> list[str]:
        texts: list[str] = []
        for first in range(0, len(segments), ROWS):
            part = list(segments[first : first + ROWS])
            texts += self._each(memory, self._states.slots(document, memory, part))
            self._on_told(len(part))
        return texts

    def _each(self, memory: WindowMemory, slots: Mapping[int, Bundle]) -> list[str]:
        """A summary of each segment in whole sentences; empty if the model abstains."""
        tokenizer = self._tokenizer
        if self._adapted is not None:
            prompt = build_prompt(tokenizer, TELL).tokens
        else:
            prompt = self._request()
        rows = [*((segment,) for segment in slots), *((),) * len(slots)]
        reading = memory.recall(slots, torch.zeros(len(rows)), rows=rows, decoder=self._decoder)
        watched = _Watched(reading, self._watch)
        decoding = Decoding(max_tokens=WINDOW_TOKENS, no_repeat=NO_REPEAT)
        banned = partial(named_again, tokenizer)
        answers = generate_each(watched, prompt, tokenizer.chat.stops, decoding, CONTRAST, banned)
        texts = [whole_sentences(tokenizer.decode(tokens)) for tokens in answers]
        return ["" if REFUSAL in text.lower() else text for text in texts]

    def _shortened(self, parts: list[Told]) -> list[Told]:
        """Summarise a summary until it is short enough; choose from it where that makes it no
        shorter.
        """
        most = min(BOOK_TOKENS, self._tokens(parts) // 2)
        while len(parts) > 1 and self._tokens(parts) > most:
            shorter = self._summed_up(parts)
            if not shorter or len(joined(shorter)) > SHORTER * len(joined(parts)):
                return chosen(parts, most, self._tokenizer.count)
            parts = shorter
        return parts

    def _tokens(self, parts: Sequence[Told]) -> int:
        return self._tokenizer.count(joined(parts, "\n"))

    def _summed_up(self, parts: list[Told]) -> list[Told]:
        """Read a summary through the memory and summarise its segments."""
        memory = self._whole_memory()
        text = joined(parts, "\n")
        size = max(SPAN_TOKENS, self._tokens(parts) // BOOK_SENTENCES)
        spans = list(split_text(text, self._tokenizer.count, min(size, memory.window)))
        shorter: list[Told] = []
        for first in range(0, len(spans), ROWS):
            group = spans[first : first + ROWS]
            shorter += self._group(memory, text, parts, group)
            self._on_told(len(group))
        return shorter

    def _group(
        self,
        memory: AdaptiveMemory,
        text: str,
        parts: Sequence[Told],
        spans: Sequence[tuple[int, int]],
    ) -> list[Told]:
        """Some segments of a summary summarised; their states are in memory only meanwhile."""
        read = {n: self._read(memory, text[a:b]) for n, (a, b) in enumerate(spans)}
        shorter: list[Told] = []
        for (a, b), said in zip(spans, self._each(memory, read), strict=True):
            shorter += told(said, text[a:b], pages_of(parts, a, b))
        return shorter

    def _read(self, memory: WindowMemory, text: str) -> Bundle:
        self._watch()
        return memory.write(torch.tensor(self._tokenizer.encode(text)), {}).left["slots"]

    def _whole_memory(self) -> AdaptiveMemory:
        """Adaptive MELODI that keeps every slot: these states are small and are not stored."""
        config = self._library.engine.new_adaptive().config
        return self._library.engine.adaptive(
            replace(config, keep_ratio=1.0, slot_bits=16, codec="")
        )

    def _request(self) -> list[int]:
        """The prompt for a backbone without an adapter, with the first words of the summary."""
        return [*self._tokenizer.user_turn(REQUEST), *self._tokenizer.encode(LEAD)]

    def _from_carry(self, document: Document, memory: RecurrentMemory, scope: Scope) -> str:
        reading = self._states.open(document, memory, REQUEST, scope, ROWS)
        prompt = self._request()
        mixture = Mixture(_Watched(reading, self._watch))
        mixture.prefill(prompt, slice(1, len(prompt)))
        trace = Trace()
        decoding = Decoding(max_tokens=WHOLE_TOKENS, no_repeat=4)
        for _ in generate(mixture, self._tokenizer.chat.stops, decoding, trace):
            pass
        return whole_sentences(self._tokenizer.decode(trace.tokens))


def _summary(number: int, title: str, parts: Sequence[Told]) -> Summary:
    sentences = tuple(part.to_dict() for part in parts)
    return Summary(number, title, joined(parts), sentences)


class _Watched:
    """A reading that calls `watch` before every step."""

    def __init__(self, reading: Reading, watch: Callable[[], None]) -> None:
        self.prior = reading.prior
        self.attended = reading.attended
        self.pointed = reading.pointed
        self.focused = reading.focused
        self._reading = reading
        self._watch = watch

    def step(self, tokens: Tensor, last: int) -> Tensor:
        """Call `watch`, then the reading's own `step`."""
        self._watch()
        return self._reading.step(tokens, last)


def named_again(tokenizer: Tokenizer, said: Sequence[int]) -> list[int]:
    """Tokens that would begin a name that is already in the current sentence.

    This covers every prefix of the name, so that misspelt forms are ruled out as well. Titles such
    as "Mr" may be repeated.
    """
    sentence = END.split(tokenizer.decode(said))[-1]
    names = {word for word in NAME.findall(sentence) if word[0].isupper()} - TITLES
    begun = {name[:letters] for name in names for letters in range(1, len(name) + 1)}
    runs = [tokenizer.encode(f" {beginning}") for beginning in sorted(begun)]
    return [run[-1] for run in runs if list(said[len(said) - len(run) + 1 :]) == run[:-1]]


def whole_sentences(text: str) -> str:
    """The text up to the end of its last complete sentence; all of it if there is none."""
    text = " ".join(text.split())
    ends = [match.end() for match in END.finditer(text)]
    return text[: ends[-1]] if ends else text
