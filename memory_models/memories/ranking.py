"""Ranking the windows of one book or of several for a question, with scores on one scale.

By itself, a book's best score says little: in every book something matches best. Ranked together, a
match counts by how exceptional it is among the windows of all the books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

from memory_models.address import AddressBook
from memory_models.recall import Ranked
from memory_models.word_index import WordIndex, scores_together

Books = Iterable[tuple[AddressBook, Tensor]]
"""Books with the rows of each that are to be ranked."""


def ranked_together(
    question: str, books: Books, address: Callable[[Books], Tensor], word_weight: float
) -> list[Ranked]:
    """The rows of each book, best first; a book is let go once it was looked at.

    address: scores all rows, one behind the other, for what a question means. The words that they
    share with the question are added, where all books have their words.
    """
    seen: list[tuple[tuple[int, ...], WordIndex | None, Tensor]] = []

    def looked_at() -> Iterator[tuple[AddressBook, Tensor]]:
        for book, rows in books:
            seen.append((tuple(book.segments[row] for row in rows.tolist()), book.words, rows))
            yield book, rows

    scores = address(looked_at()).cpu()
    indices = [(words, rows) for _, words, rows in seen if words is not None]
    if len(indices) == len(seen):
        scores = scores + word_weight * scores_together(question, indices)
    ranked = []
    parts = scores.split([len(rows) for _, _, rows in seen])
    for (segments, _, _), part in zip(seen, parts, strict=True):
        best = part.sort(descending=True, stable=True)
        ranked.append(Ranked(tuple(segments[n] for n in best.indices.tolist()), best.values))
    return ranked
