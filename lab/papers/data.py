"""Books as token files: a sentencepiece tokenizer trained on them, and streams of windows.

A book is encoded line by line; the line break is a token of its own, and every book begins with the
control token <s>. Token files hold whole splits as uint16.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from torch import Tensor

from lab.papers.names import Mention, Renamed
from memory_models.errors import BadData, InvalidRequest

SENTENCES = 200_000  # lines that the tokenizer is trained on, drawn at random by sentencepiece
NOT_A_NAME = -1
FIRST_MENTION = 0
LARGEST_VOCABULARY = 1 << 16
ECHO_TOKENS = (4, 24)  # fewest and most of a passage
ECHO_SHARE = 0.6
ECHO_BACK = (4, 2048)  # tokens from a passage's start to its echo's, nearest and farthest


def train_tokenizer(texts: Iterable[str], vocabulary: int, path: Path) -> None:
    """Unigram with byte fallback, written to `path` (a sentencepiece .model)."""
    if not 300 <= vocabulary <= LARGEST_VOCABULARY:
        raise InvalidRequest(f"A vocabulary of {vocabulary}; take 300 to {LARGEST_VOCABULARY}.")
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as out:
            SentencePieceTrainer.Train(
                sentence_iterator=_lines(texts),
                model_writer=out,
                vocab_size=vocabulary,
                model_type="unigram",
                byte_fallback=True,
                character_coverage=0.9995,
                required_chars=string.ascii_letters,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                split_digits=True,
                user_defined_symbols=["\n"],
                bos_id=1,
                eos_id=-1,
                pad_id=-1,
                unk_id=0,
                input_sentence_size=SENTENCES,
                shuffle_input_sentence=True,
                num_threads=1,
                minloglevel=2,
            )
    except RuntimeError as error:
        raise BadData(f"No tokenizer of {vocabulary} pieces from these texts: {error}") from error
    partial.replace(path)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for line in text.split("\n"):
            if line.strip():
                yield line[:4000]


class BookTokenizer:
    """A trained tokenizer for whole books."""

    def __init__(self, path: Path) -> None:
        self._processor = SentencePieceProcessor()
        self._processor.Load(str(path))
        self.vocabulary = int(self._processor.GetPieceSize())
        self._newline = int(self._processor.PieceToId("\n"))
        self._characters = [self._width(token) for token in range(self.vocabulary)]

    def _width(self, token: int) -> int:
        """Characters of text that a token encodes; a byte counts if it begins a character."""
        piece = str(self._processor.IdToPiece(token))
        if self._processor.IsByte(token):
            return int(int(piece[3:-1], 16) & 0xC0 != 0x80)
        return len(piece)

    def encode(self, text: str) -> list[int]:
        """<s>, then every line with its break."""
        ids = [int(self._processor.bos_id())]
        for line in text.split("\n"):
            ids += self._processor.EncodeAsIds(line)
            ids.append(self._newline)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Inverse of `encode`."""
        lines: list[list[int]] = [[]]
        for token in ids[1:]:
            if token == self._newline:
                lines.append([])
            else:
                lines[-1].append(token)
        return "\n".join(self._processor.DecodeIds(line) for line in lines[:-1])

    def encode_renamed(self, book: Renamed) -> tuple[list[int], list[int]]:
        """Tokens of a renamed book, and each token's distance (see `Corpus`)."""
        ids, distances = [int(self._processor.bos_id())], [NOT_A_NAME]
        last: dict[int, int] = {}
        mentions, start = iter(book.mentions), 0
        mention = next(mentions, None)
        for line in book.text.split("\n"):
            inside: list[Mention] = []
            while mention and mention.start < start + len(line):
                inside.append(mention)
                mention = next(mentions, None)
            self._mark(line, start, inside, ids, distances, last)
            start += len(line) + 1
        return ids, distances

    def _mark(
        self,
        line: str,
        start: int,
        mentions: Sequence[Mention],
        ids: list[int],
        distances: list[int],
        last: dict[int, int],
    ) -> None:
        """Append a line's tokens; those that overlap a mention get its distance."""
        queue = list(mentions)
        current = distance = NOT_A_NAME
        high = start - 1  # sentencepiece puts a space in front of a line
        for token in self._processor.EncodeAsIds(line):
            low, high = high, high + self._characters[token]
            while queue and queue[0].end <= low:
                queue.pop(0)
            found = bool(queue) and queue[0].start < high
            if found and current != queue[0].start:
                current, name = queue[0].start, queue[0].name
                distance = len(ids) - last[name] if name in last else FIRST_MENTION
                last[name] = len(ids)
            ids.append(token)
            distances.append(distance if found else NOT_A_NAME)
        ids.append(self._newline)
        distances.append(NOT_A_NAME)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Books as one row of tokens.

    `distance` of a token is the number of tokens since the same name was last mentioned, or
    FIRST_MENTION, or NOT_A_NAME.
    """

    tokens: npt.NDArray[np.uint16]  # [N]
    starts: npt.NDArray[np.int64]  # [books + 1]
    distance: npt.NDArray[np.int32]  # [N]

    @property
    def books(self) -> int:
        return len(self.starts) - 1

    def book(self, index: int) -> npt.NDArray[np.uint16]:
        """Tokens of one book."""
        return self.tokens[self.starts[index] : self.starts[index + 1]]

    def distances(self, index: int) -> npt.NDArray[np.int32]:
        """Distances of one book."""
        return self.distance[self.starts[index] : self.starts[index + 1]]

    @classmethod
    def encode(cls, tokenizer: BookTokenizer, books: Iterable[str | Renamed]) -> Corpus:
        """Encode books one after another."""
        tokens: list[npt.NDArray[np.uint16]] = []
        distances: list[npt.NDArray[np.int32]] = []
        for book in books:
            if isinstance(book, str):
                ids = tokenizer.encode(book)
                far = [NOT_A_NAME] * len(ids)
            else:
                ids, far = tokenizer.encode_renamed(book)
            tokens.append(np.array(ids, dtype=np.uint16))
            distances.append(np.array(far, dtype=np.int32))
        if not tokens:
            raise BadData("No book to encode; the file's split is empty.")
        ends = np.cumsum([0, *(len(part) for part in tokens)], dtype=np.int64)
        return cls(np.concatenate(tokens), ends, np.concatenate(distances))

    def save(self, path: Path) -> None:
        """Write an .npz, complete or not at all."""
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, tokens=self.tokens, starts=self.starts, distance=self.distance)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Corpus:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["tokens"], file["starts"], file["distance"])


def echoed(corpus: Corpus, seed: int) -> Corpus:
    """Books of the same lengths, made from the same text, in which passages are repeated.

    After every ECHO_TOKENS tokens a book repeats, with probability ECHO_SHARE, as many tokens from
    a random earlier place. How far back is drawn evenly on a logarithmic scale, at least the
    passage's length. `distance` is given for echoed tokens, except for the first of a passage,
    which cannot be predicted.
    """
    rng = np.random.default_rng(seed)
    books = [_echoed_book(corpus.book(i), rng) for i in range(corpus.books)]
    tokens, distance = (np.concatenate(parts) for parts in zip(*books, strict=True))
    return Corpus(tokens, corpus.starts, distance)


def _echoed_book(
    source: npt.NDArray[np.uint16], rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    N, count = len(source), 1 + len(source) // ECHO_TOKENS[0]
    lengths = rng.integers(*ECHO_TOKENS, count, endpoint=True)
    again = rng.random(count) < ECHO_SHARE
    near, far = np.log(ECHO_BACK)
    back = np.exp(rng.uniform(float(near), float(far), count)).astype(np.int64)
    tokens, distance = np.empty_like(source), np.full(N, NOT_A_NAME, dtype=np.int32)
    at = read = 0
    for length, echo, behind in zip(lengths, again, np.maximum(back, lengths), strict=True):
        end = min(at + int(length), N)
        if echo and behind <= at:
            tokens[at:end] = tokens[at - behind : end - behind]
            distance[at + 1 : end] = behind
        else:
            tokens[at:end] = source[read : read + end - at]
            read += end - at
        at = end
    return tokens, distance


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """Which window each of B rows reads at every step; each row reads consecutive text.

    A row reads a passage (a book, or a number of its windows) from start to end, then the next
    passage with an empty state. Every window lies inside one book.
    """

    window: int
    rows: int
    length: int  # windows a row reads in all
    passage: int  # most windows of a passage
    seed: int

    def __post_init__(self) -> None:
        for name in ("window", "rows", "length", "passage"):
            if getattr(self, name) < 1:
                raise InvalidRequest(f"A stream's {name} is {getattr(self, name)}; use 1 or more.")


class Streams:
    """The windows of a plan; each passage comes from one of the corpora, drawn by weight."""

    def __init__(
        self, corpora: Sequence[Corpus], weights: Sequence[float], plan: StreamPlan
    ) -> None:
        self.plan, self._corpora = plan, corpora
        B, N = plan.rows, plan.length
        self._corpus = np.zeros((B, N), dtype=np.int64)
        self._start = np.zeros((B, N), dtype=np.int64)
        self._fresh = np.zeros((B, N), dtype=bool)
        rng = np.random.default_rng(plan.seed)
        share = np.array(weights) / sum(weights)
        used = np.zeros(B, dtype=np.int64)
        for book, first, count in self._passages(rng):
            row = int(used.argmin())
            if used[row] == N:
                break
            which = int(rng.choice(len(corpora), p=share))
            self._place(row, int(used[row]), which, book, first, min(count, N - int(used[row])))
            used[row] += count
            used[row] = min(used[row], N)

    def _place(self, row: int, at: int, which: int, book: int, first: int, count: int) -> None:
        corpus, W = self._corpora[which], self.plan.window
        held = (len(corpus.book(book)) - 1) // W
        first = min(first, max(0, held - count))  # renamed books differ a little in length
        start = corpus.starts[book] + first * W
        self._corpus[row, at : at + count] = which
        self._start[row, at : at + count] = start + np.arange(count) * W
        self._fresh[row, at] = True

    def _passages(self, rng: np.random.Generator) -> Iterator[tuple[int, int, int]]:
        """(book, first window, windows), epoch after epoch in random order."""
        W, P = self.plan.window, self.plan.passage
        every = []
        for book in range(self._corpora[0].books):
            held = min((len(corpus.book(book)) - 1) // W for corpus in self._corpora)
            every += [(book, first, min(P, held - first)) for first in range(0, held, P)]
        if not every:
            raise BadData(f"No book has a window of {W} tokens; use shorter windows.")
        while True:
            for index in rng.permutation(len(every)):
                yield every[index]

    def windows(self, first: int, count: int) -> tuple[Tensor, Tensor]:
        """Windows first .. first + count - 1: tokens [count,B,W+1], fresh [count,B]."""
        W = self.plan.window
        rows = [
            [
                self._corpora[self._corpus[b, t]].tokens[
                    self._start[b, t] : self._start[b, t] + W + 1
                ]
                for b in range(self.plan.rows)
            ]
            for t in range(first, first + count)
        ]
        tokens = torch.from_numpy(np.array(rows, dtype=np.int64))
        return tokens, torch.from_numpy(self._fresh[:, first : first + count].T.copy())
