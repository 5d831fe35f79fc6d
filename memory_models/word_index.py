"""The words of each window, kept beside its address keys: names and rare words find their place.

Attention heads match what a question means, and miss what only its letters tell: a name, a word
that stands once in a book. Each window leaves the hashes of its words and how often it says them,
some 1 KB. A question's words are weighed as in BM25 (Robertson and Zaragoza, 2009): by how few
windows of the book say them, and little more where a window says one often; windows are of one
length, so nothing is corrected for it.
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

SATURATION = 1.2  # k1: a word said n times counts n (k1 + 1) / (n + k1)
MOST = 255  # times that are counted
_WORD = re.compile(r"\w+")


def hashes(text: str) -> Iterable[int]:
    """Signed 32-bit hashes of the words of a text in lower case, in their order."""
    for word in _WORD.findall(text.lower()):
        code = zlib.crc32(word.encode(errors="surrogatepass"))
        yield code - (code >> 31 << 32)


def pack_words(text: str) -> dict[str, Tensor]:
    """A window's words as tensors to store; a window without words says the empty one."""
    said = Counter(hashes(text)) or Counter({0: 1})
    found = sorted(said)
    often = [min(said[word], MOST) for word in found]
    return {
        "words": torch.tensor(found, dtype=torch.int32),
        "word_counts": torch.tensor(often, dtype=torch.uint8),
    }


@dataclass(frozen=True)
class WordIndex:
    """The words of all windows of one document."""

    windows: int
    words: Tensor  # [N] int32
    counts: Tensor  # [N] float32
    owners: Tensor  # [N]: which window says it

    @classmethod
    def from_bundles(cls, bundles: Sequence[Bundle]) -> WordIndex:
        """Join what `pack_words` made for each window."""
        lengths = torch.tensor([len(bundle["words"]) for bundle in bundles])
        return cls(
            len(bundles),
            torch.cat([bundle["words"] for bundle in bundles]),
            torch.cat([bundle["word_counts"] for bundle in bundles]).float(),
            torch.arange(len(bundles)).repeat_interleave(lengths),
        )

    def scores(self, question: str, rows: Tensor) -> Tensor:
        """BM25 [len(rows)] of a question; only the windows in `rows` tell how rare a word is."""
        inside = torch.zeros(self.windows)
        inside[rows] = 1
        total = torch.zeros(self.windows)
        for word in set(hashes(question)):
            at = self.words == word
            owners, often = self.owners[at], self.counts[at]
            saying = float(inside[owners].sum())
            rarity = torch.log1p(torch.tensor((len(rows) - saying + 0.5) / (saying + 0.5)))
            total[owners] += rarity * often * (SATURATION + 1) / (often + SATURATION)
        return total[rows]
