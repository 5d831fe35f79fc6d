"""Summaries from the state: windows -> chapter -> book, each stored and not made twice.

A chapter's windows are opened side by side and each says, from its own slots, what happens in it;
together that is the chapter's summary. The chapters' summaries are then read through the same
memory as a text of their own, whose windows say likewise what happens, until the whole is short
enough to be the book's. A recurrent memory (Infini, MELODI) has no windows: its chapter state is
asked directly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from app.errors import NotReady
from app.library import Library, OnProgress, ReadProgress, quiet
from app.state_reader import Scope, StateReader
from app.storage.store import BOOK, Document, Summary
from ingest.segments import split_text
from memory_models.decoder import Decoder
from memory_models.errors import InvalidRequest
from memory_models.generate import Decoding, Mixture, Trace, generate, generate_each
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memory import Bundle, Reading
from memory_models.prompt import ABSTAINED, TELL, build_prompt
from memory_models.recall import RecurrentMemory, WindowMemory
from memory_models.tokenizer import Tokenizer

REQUEST = "What happens in the text above? Who does what?"  # of a backbone without an adapter
LEAD = "In this part, "  # without these words an untrained model reviews instead of telling
WINDOW_TOKENS = 64
WHOLE_TOKENS = 160
BOOK_TOKENS = 1024  # to which a book's summary is shortened
NO_REPEAT = 6  # tokens in a row: longer than most names
END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)[.!?][\"”’]?(?=\s|$)")
NAME = re.compile(r"\b[^\W\d_]{2,}")  # if its first letter is a capital
TITLES = frozenset(("Mr", "Mrs", "Ms", "Dr", "St", "Miss", "Sir", "Lady", "Lord"))
WINDOWS_A_CHAPTER = 16  # evenly spread over longer chapters
ROWS = 4  # windows that speak at once, each beside itself without memory
CONTRAST = 0.5  # with what would be said without memory; docs/experiments/summaries.md
REFUSAL = ABSTAINED.rstrip(".").lower()


class Summarizer:
    """Makes and keeps summaries of the documents of one library.

    `watch` is called with every token and before every window; raising from it ends the summary.
    `again` makes each anew, once, and keeps it in place of what was stored.
    """

    def __init__(
        self, library: Library, watch: Callable[[], None] = quiet, *, again: bool = False
    ) -> None:
        self._library = library
        self._again = again
        self._made: set[tuple[str, int]] = set()
        self._watch = watch
        self._states = StateReader(library.store)
        self._tokenizer = library.backbone.tokenizer
        self._adapted = library.engine.trained.summaries() if library.settings.adapters else None

    def chapters(self, document: Document, on_progress: OnProgress = quiet) -> Iterator[Summary]:
        """Every chapter's summary in order, made where it is missing."""
        count = len(self._library.store.chapters(document.reading))
        started = perf_counter()
        for number in range(1, count + 1):
            yield self.chapter(document, number)
            left = (perf_counter() - started) / number * (count - number)
            on_progress(ReadProgress(document.id, number, count, 0.0, left))

    def chapter(self, document: Document, number: int) -> Summary:
        """One chapter's summary, from that chapter's part of the state."""
        self._check_ready(document)
        chapters = self._library.store.chapters(document.reading)
        Scope(chapter=number).check(len(chapters))
        if known := self._known(document, number):
            return known
        memory = self._library.memory_of(document)
        if memory.opens == "windows":
            text = self._from_windows(document, memory, number)
        else:
            text = self._from_carry(document, memory, Scope(chapter=number))
        return self._keep(document, Summary(number, chapters[number - 1].title, text))

    def book(self, document: Document) -> Summary:
        """The whole book's summary, from the chapters' summaries."""
        self._check_ready(document)
        if known := self._known(document, BOOK):
            return known
        parts = [s.summary for s in self.chapters(document)]
        text = parts[0] if len(parts) == 1 else self._shortened("\n".join(filter(None, parts)))
        return self._keep(document, Summary(BOOK, document.title, text))

    def _check_ready(self, document: Document) -> None:
        self._library.store.check_reading(document.reading)
        if not document.ready:
            raise NotReady(f"{document.how_far}; finish reading it before it is summarised.")

    def _known(self, document: Document, number: int) -> Summary | None:
        if self._again and (document.id, number) not in self._made:
            return None
        return self._library.store.summaries(document).get(number)

    def _keep(self, document: Document, summary: Summary) -> Summary:
        self._library.store.save_summary(document, summary)
        self._made.add((document.id, summary.chapter))
        return summary

    def _from_windows(self, document: Document, memory: WindowMemory, number: int) -> str:
        inside = [
            segment
            for segment, chapter in enumerate(
                self._library.store.segment_chapters(document.reading)
            )
            if chapter == number
        ]
        if len(inside) > WINDOWS_A_CHAPTER:
            step = len(inside) / WINDOWS_A_CHAPTER
            inside = [inside[int(i * step)] for i in range(WINDOWS_A_CHAPTER)]
        return " ".join(filter(None, self._windows(document, memory, inside)))

    def windows(self, document: Document, segments: Sequence[int]) -> list[str]:
        """What each of these windows of an adaptive state tells; made anew every time."""
        self._check_ready(document)
        memory = self._library.memory_of(document)
        if memory.opens != "windows":
            raise InvalidRequest(f"A state of memory {memory.kind!r} has no windows; use adaptive.")
        return self._windows(document, memory, segments)

    @property
    def _decoder(self) -> Decoder:
        """The decoder with the summary adapter, or the plain backbone.

        The answer adapter would not do: it is trained to answer in a few words.
        """
        return self._adapted.decoder if self._adapted else self._library.backbone.decoder

    def _windows(
        self, document: Document, memory: WindowMemory, segments: Sequence[int]
    ) -> list[str]:
        said: list[str] = []
        for first in range(0, len(segments), ROWS):
            part = list(segments[first : first + ROWS])
            said += self._each(memory, self._states.slots(document, memory, part))
        return said

    def _each(self, memory: WindowMemory, slots: Mapping[int, Bundle]) -> list[str]:
        """What each window tells, in whole sentences; nothing where it declines."""
        tokenizer = self._tokenizer
        if self._adapted is not None:
            prompt = build_prompt(tokenizer, TELL).tokens
        else:
            prompt = [*tokenizer.user_turn(REQUEST), *tokenizer.encode(LEAD)]
        rows = [*((segment,) for segment in slots), *((),) * len(slots)]
        reading = memory.recall(slots, torch.zeros(len(rows)), rows=rows, decoder=self._decoder)
        watched = _Watched(reading, self._watch)
        decoding = Decoding(max_tokens=WINDOW_TOKENS, no_repeat=NO_REPEAT)
        banned = partial(named_again, tokenizer)
        told = generate_each(watched, prompt, tokenizer.chat.stops, decoding, CONTRAST, banned)
        said = [whole_sentences(tokenizer.decode(tokens)) for tokens in told]
        return ["" if REFUSAL in text.lower() else text for text in said]

    def _shortened(self, text: str) -> str:
        """The text told again, as often as it takes to be short or does not get shorter."""
        while self._tokenizer.count(text) > BOOK_TOKENS:
            told = self._told(text)
            if len(told) >= len(text):
                break
            text = told
        return text

    def _told(self, text: str) -> str:
        """Stream a text through the machinery; what its windows say happens in it."""
        memory = self._whole_memory()
        spans = list(split_text(text, self._tokenizer.count, memory.window))
        said: list[str] = []
        for first in range(0, len(spans), ROWS):  # no more is held at once than speaks at once
            part = [text[start:end] for start, end in spans[first : first + ROWS]]
            said += self._each(memory, {n: self._read(memory, t) for n, t in enumerate(part)})
        return "\n".join(filter(None, said))

    def _read(self, memory: WindowMemory, text: str) -> Bundle:
        self._watch()
        return memory.write(torch.tensor(self._tokenizer.encode(text)), {}).left["slots"]

    def _whole_memory(self) -> AdaptiveMemory:
        """Adaptive MELODI that keeps every slot: these states are small and thrown away."""
        config = self._library.engine.new_adaptive().config
        return self._library.engine.adaptive(
            replace(config, keep_ratio=1.0, slot_bits=16, codec="")
        )

    def _from_carry(self, document: Document, memory: RecurrentMemory, scope: Scope) -> str:
        reading = self._states.open(document, memory, REQUEST, scope, ROWS)
        prompt = build_prompt(self._tokenizer, REQUEST)
        mixture = Mixture(_Watched(reading, self._watch))
        mixture.prefill(prompt.tokens, prompt.question)
        trace = Trace()
        decoding = Decoding(max_tokens=WHOLE_TOKENS, no_repeat=4)
        for _ in generate(mixture, self._tokenizer.chat.stops, decoding, trace):
            pass
        return whole_sentences(self._tokenizer.decode(trace.tokens))


class _Watched:
    """A reading that tells somebody before every step."""

    def __init__(self, reading: Reading, watch: Callable[[], None]) -> None:
        self.prior = reading.prior
        self.attended = reading.attended
        self._reading = reading
        self._watch = watch

    def step(self, tokens: Tensor, last: int) -> Tensor:
        """As the reading's own."""
        self._watch()
        return self._reading.step(tokens, last)


def named_again(tokenizer: Tokenizer, said: Sequence[int]) -> list[int]:
    """Tokens that would begin a name which this sentence has said: nobody is told of themselves.

    All pieces with which it can begin, lest it come back misspelt; titles may be said again.
    """
    sentence = END.split(tokenizer.decode(said))[-1]
    names = {word for word in NAME.findall(sentence) if word[0].isupper()} - TITLES
    begun = {name[:letters] for name in names for letters in range(1, len(name) + 1)}
    runs = [tokenizer.encode(f" {beginning}") for beginning in sorted(begun)]
    return [run[-1] for run in runs if list(said[len(said) - len(run) + 1 :]) == run[:-1]]


def whole_sentences(text: str) -> str:
    """The text up to its last sentence end, or all of it where there is none."""
    text = " ".join(text.split())
    ends = [match.end() for match in END.finditer(text)]
    return text[: ends[-1]] if ends else text
