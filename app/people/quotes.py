"""Telling sentences: where somebody is introduced, and one from each part of what was read."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.people.forms import Mention
from app.people.kinds import PLACE
from app.people.words import PRONOUNS, TELLING, TELLING_PLACES
from ingest.cuts import sentence_ends

MOST = 5  # sentences for a name
_FIRST = 12  # mentions at the beginning that may introduce somebody
_SPREAD = 40  # others, evenly over the text
_SHORTEST, _LONGEST = 40, 320  # characters
_REACH = 1_000  # characters around a mention in which its sentence is looked for
_BESIDE = 80  # characters around a name in which a word tells about it
_WORD = re.compile(r"[^\W\d_]+")
_NAMING = re.compile(r"^['’]?s?,? ?(?:was|is|were|had been|a|an|the|who|his|her|called)\b")
_OPEN, _CLOSE = "“«", "”»"


@dataclass(frozen=True, slots=True)
class Sentence:
    """text[start:end], how much it tells, and whether it is among the first mentions."""

    start: int
    end: int
    score: float
    early: bool


class Sentences:
    """The sentences of one text around given places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._known: dict[tuple[int, int], list[int]] = {}

    def around(self, at: int) -> tuple[int, int] | None:
        """The sentence that holds a place, without white space; None where it is too long."""
        text = self._text
        found = text.rfind("\n\n", max(0, at - _REACH), at)
        start = found + 2 if found >= 0 else max(0, at - _REACH)
        stop = text.find("\n\n", at, at + _REACH)
        end = stop if stop >= 0 else min(len(text), at + _REACH)
        ends = self._known.get((start, end))
        if ends is None:
            ends = [start + place for place in sentence_ends(text[start:end])]
            self._known[start, end] = ends
        number = bisect_right(ends, at)
        if number == 0 and found < 0 and start:
            return None
        first = ends[number - 1] if number else start
        last = ends[number] if number < len(ends) else end
        if number == len(ends) and stop < 0 and end < len(text):
            return None
        raw = text[first:last]
        first += len(raw) - len(raw.lstrip())
        return first, first + len(raw.strip())


def telling(
    text: str, sentences: Sentences, places: Sequence[Mention], kind: str
) -> list[tuple[int, int]]:
    """The sentences to show for a name: the best introduction, then the best of each part."""
    found = list(_candidates(text, sentences, places, kind))
    chosen: list[Sentence] = []
    early = [sentence for sentence in found if sentence.early]
    if early:
        chosen.append(max(early, key=lambda s: (s.score, -s.start)))
    first, last = places[0].start, places[-1].start + 1
    parts = MOST - len(chosen)
    for part in range(parts):
        begin = first + (last - first) * part // parts
        end = first + (last - first) * (part + 1) // parts
        inside = [s for s in found if begin <= s.start < end and s not in chosen]
        if inside:
            chosen.append(max(inside, key=lambda s: (s.score, -s.start)))
    return sorted({(s.start, s.end) for s in chosen})


def _candidates(
    text: str, sentences: Sentences, places: Sequence[Mention], kind: str
) -> Iterator[Sentence]:
    step = max(1, len(places) // _SPREAD)
    numbers = sorted({*range(min(_FIRST, len(places))), *range(0, len(places), step)})
    seen: set[int] = set()
    for number in numbers:
        found = sentences.around(places[number].start)
        if found is None or found[0] in seen or not _is_whole(text, *found):
            continue
        seen.add(found[0])
        score = _score(text, *found, places[number], kind)
        yield Sentence(*found, score, number < _FIRST)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether a sentence can be understood by itself."""
    if not _SHORTEST <= end - start <= _LONGEST:
        return False
    said = text[start:end]
    first = _WORD.search(said)
    if first is None or first.group().lower() in PRONOUNS or not first.group()[0].isupper():
        return False
    if said[-1] not in ".!?…\"'”’»)]_*":
        return False
    opened = sum(said.count(mark) for mark in _OPEN)
    closed = sum(said.count(mark) for mark in _CLOSE)
    return opened == closed and said.count('"') % 2 == 0


def _score(text: str, start: int, end: int, mention: Mention, kind: str) -> float:
    """How much a sentence tells about a name."""
    said = text[start:end]
    after = text[mention.end : mention.end + 40].replace("\n", " ")
    wanted = TELLING_PLACES if kind == PLACE else TELLING
    close = text[max(start, mention.start - _BESIDE) : min(end, mention.end + _BESIDE)]
    words = {word.lower() for word in _WORD.findall(close)}
    score = min(3.0, 0.8 * len(words & wanted))
    score += 1.5 if _NAMING.match(after) else 0.0
    score += 1.0 if mention.start - start < 25 else 0.0
    score += 0.5 if " " in text[mention.start : mention.end] else 0.0
    score += 0.5 if 60 <= end - start <= 240 else 0.0
    score -= 0.5 if said.startswith(("But ", "And ", "Or ", "So ", "For ")) else 0.0
    score -= 1.0 if said[0] in "\"“‘'«" else 0.0
    return score
