"""A word index over the windows of a document, which finds names and rare words.

Addressing heads match the meaning of a question. They miss what only the spelling gives: a name, or
a word that occurs once in a book. So each window also stores the hashes of its words and their
counts, about 1 KB. Windows are scored by BM25 (Robertson and Zaragoza, 2009): a question's word
counts more the fewer windows contain it, and little more where a window repeats it. There is no
length normalisation, because windows have about the same length.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from memory_models.memory import Bundle

SATURATION = 1.2  # BM25's k1: a word that occurs n times counts n (k1 + 1) / (n + k1)
MOST = 255  # occurrences of a word in a window that are counted
_WORD = re.compile(r"\w+")


def hashes(text: str) -> Iterable[int]:
    """Signed 32-bit hashes of the lower-cased words of a text, in reading order."""
    for word in _WORD.findall(text.lower()):
        code = zlib.crc32(word.encode(errors="surrogatepass"))
        yield code - (code >> 31 << 32)


def pack_words(text: str) -> dict[str, Tensor]:
    """A window's word hashes [N] and counts [N] as tensors to store.

    A window without words stores the hash 0, so that no tensor is empty.
    """
    found = Counter(hashes(text)) or Counter({0: 1})
    words = sorted(found)
    counts = [min(found[word], MOST) for word in words]
    return {
        "words": torch.tensor(words, dtype=torch.int32),
        "word_counts": torch.tensor(counts, dtype=torch.uint8),
    }


@dataclass(frozen=True)
class WordIndex:
    """The words of all windows of one document; N entries, one for each word of each window."""

    windows: int
    words: Tensor  # [N] int32, hashes
    counts: Tensor  # [N] float32
    owners: Tensor  # [N] index of the window that contains the word

    @classmethod
    def from_bundles(cls, bundles: Sequence[Bundle]) -> WordIndex:
        """Join the tensors that `pack_words` made for each window."""
        lengths = torch.tensor([len(bundle["words"]) for bundle in bundles])
        return cls(
            len(bundles),
            torch.cat([bundle["words"] for bundle in bundles]),
            torch.cat([bundle["word_counts"] for bundle in bundles]).float(),
            torch.arange(len(bundles)).repeat_interleave(lengths),
        )

    def scores(self, question: str, rows: Tensor) -> Tensor:
        """BM25 scores [len(rows)] of the windows `rows`; rarity is counted among these windows."""
        return scores_together(question, [(self, rows)])

    def found(self, word: int, rows: Tensor) -> Tensor:
        """How often a word occurs in each of some windows, [len(rows)]."""
        occurrences = torch.zeros(self.windows)
        at = self.words == word
        occurrences[self.owners[at]] = self.counts[at]
        return occurrences[rows]


def scores_together(question: str, indices: Sequence[tuple[WordIndex, Tensor]]) -> Tensor:
    """BM25 scores of rows of several documents, one behind the other.

    Rarity is counted among the rows of all of them.
    """
    total = torch.zeros(sum(len(rows) for _, rows in indices))
    for word in set(hashes(question)):
        counts = torch.cat([index.found(word, rows) for index, rows in indices])
        containing = float((counts > 0).sum())
        rarity = torch.log1p(torch.tensor((len(total) - containing + 0.5) / (containing + 0.5)))
        total += rarity * counts * (SATURATION + 1) / (counts + SATURATION)
    return total
