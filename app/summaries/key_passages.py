"""Key passages: the sentences that matter most, as they stand in the text, with their pages.

A generated summary may say what is not there; a quotation cannot. The sentences are those that
people would tell (telling.py), from all parts of the chapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.summaries.telling import WORD, centrality, most_telling
from ingest.book import Page
from ingest.cuts import sentence_ends
from ingest.pages import PageIndex

LENGTHS = {"sentence": 1, "paragraph": 5, "page": 14}
"""How many sentences a chapter gets."""

T = TypeVar("T")

_FEWEST, _MOST = 6, 60  # words of a sentence that may stand alone
# A sentence that begins so speaks of somebody whom it does not name.
_LEANING = frozenset(
    WORD.findall(
        """he she it they we you this that these those his her hers its their theirs him them such
        so then there here but and or nor yet for because which who whose what thus hence
        therefore however meanwhile instead otherwise also too"""
    )
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence of the text, text[start:end], and where it stands."""

    text: str
    start: int
    end: int
    page_first: int
    page_last: int
    label_first: str
    label_last: str

    def to_dict(self) -> dict[str, Any]:
        """The passage as `summarize --json` prints it."""
        return {"text": self.text, "page_first": self.page_first, "page_last": self.page_last}


def key_passages(
    text: str, start: int, end: int, pages: Sequence[Page], count: int
) -> list[Passage]:
    """At most ``count`` sentences of text[start:end], in their order."""
    sentences = sentences_of_text(text, start, end)
    quoted = [" ".join(text[a:b].split()) for a, b in sentences]
    chosen = most_telling(quoted, [stands_alone(sentence) for sentence in quoted], count)
    index = PageIndex(pages)
    return [_passage(text, *sentences[n], index) for n in chosen]


def book_passages(
    chapters: Sequence[int],
    of_chapter: Callable[[int, int], list[T]],
    count: int,
    text: Callable[[T], str],
) -> list[T]:
    """At most ``count`` passages of several chapters, from each as many, at least one of each.

    of_chapter: the key passages of a chapter, by its number and how many; text: of a passage. Where
    there are more chapters than passages, the most central ones are taken.
    """
    share = -(-count // max(1, len(chapters)))
    each = [passage for number in chapters for passage in of_chapter(number, share)]
    if len(each) <= count:
        return each
    return [each[n] for n in most_central([text(passage) for passage in each], count)]


def most_central(sentences: Sequence[str], count: int) -> list[int]:
    """Which of some sentences say most of what all of them say, one from each equal part."""
    if not sentences:
        return []
    scores = centrality(sentences)
    alone = [stands_alone(sentence) for sentence in sentences]
    count = min(count, len(sentences))
    size = sum(map(len, sentences)) / count
    parts: list[list[int]] = [[] for _ in range(count)]
    at = 0
    for n, sentence in enumerate(sentences):
        if alone[n]:
            parts[min(int(at / size), count - 1)].append(n)
        at += len(sentence)
    chosen = [max(part, key=lambda n: scores[n]) for part in parts if part]
    return chosen or [max(range(len(sentences)), key=lambda n: scores[n])]


def stands_alone(sentence: str) -> bool:
    """Whether a sentence can be understood without the one before it, as far as rules can tell."""
    words = WORD.findall(sentence)
    if not _FEWEST <= len(words) <= _MOST:
        return False
    bare = sentence.lstrip("\"'“‘«( ")
    speech = len(bare) < len(sentence) and not sentence.rstrip().endswith((".", "!", "?"))
    is_heading = sentence.rstrip("\"'”’»)]_* ")[-1:].isalnum()  # nothing ends it
    return words[0].casefold() not in _LEANING and not speech and not is_heading


def sentences_of_text(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """(start, end) of each sentence, without white space around it."""
    found: list[tuple[int, int]] = []
    at = start
    for stop in [*(start + e for e in sentence_ends(text[start:end])), end]:
        part = text[at:stop]
        bare = part.strip()
        if bare and any(character.isalpha() for character in bare):
            begin = at + len(part) - len(part.lstrip())
            found.append((begin, begin + len(bare)))
        at = stop
    return found


def _passage(text: str, start: int, end: int, pages: PageIndex) -> Passage:
    first, last = pages.of(start, end)
    words = " ".join(text[start:end].split())
    return Passage(words, start, end, first.number, last.number, first.label, last.label)
