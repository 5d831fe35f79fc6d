"""Facts and pass keys planted in long documents, at even depths."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.evaluate.cases.background import Measure, at_depth, planted_document
from lab.evaluate.cases.case import Case
from lab.evaluate.cases.records import Question, Record
from memory_models.errors import InvalidRequest

PASSKEY_QUESTION = "What is the pass key?"
# The text of Infini-attention's pass key task (arXiv 2404.07143, appendix B).
FILLER = (
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. "
)
ROOM = 0.75  # largest fraction of a window that a fact may fill, so that other text surrounds it


def depths_of(count: int) -> list[float]:
    """`count` even depths of a document."""
    return [(n + 0.5) / count for n in range(count)]


def depth_name(depth: float) -> str:
    """How a table names a depth."""
    return f"depth {depth:.0%}"


def fact_cases(
    records: Sequence[Record],
    background: Sequence[str],
    measure: Measure,
    depths: int,
    limit: int | None,
    seed: int = 0,
) -> list[Case]:
    """Short passages planted in book text, and the question of each.

    A document holds one passage at each of `depths` depths; all of them are asked, so the other
    passages are distractors. `limit` questions (`depths` without a limit) need one or more
    documents. The wrong document is the book without any of them.
    """
    chosen = _that_fit(records, measure, limit or depths, seed)
    blocks = [chosen[first : first + depths] for first in range(0, len(chosen), depths)]
    return [case for block in blocks for case in _asked(block, background, measure)]


def _that_fit(records: Sequence[Record], measure: Measure, count: int, seed: int) -> list[Record]:
    order = [r for r in records if r.questions]
    random.Random(seed).shuffle(order)
    found: list[Record] = []
    for record in order:
        if len(found) == count:
            return found
        if measure.count(record.text) <= ROOM * measure.window:
            found.append(record)
    if len(found) < count:
        raise InvalidRequest(
            f"Only {len(found)} passages with a question fill at most {ROOM:.0%} of a window of "
            f"{measure.window} tokens, {count} are asked for; lower --limit or --depths."
        )
    return found


def _asked(
    records: Sequence[Record], background: Sequence[str], measure: Measure
) -> Iterator[Case]:
    depths = depths_of(len(records))
    places = [at_depth(depth, len(background)) for depth in depths]
    document = planted_document(background, [r.text for r in records], places, measure)
    for number, (record, depth) in enumerate(zip(records, depths, strict=True)):
        asked = replace(record.questions[0], gold=document.spans[number])
        yield document.case([number], asked, record.text, depth_name(depth))


def passkey_fact(key: str) -> str:
    """The sentences that hide a pass key."""
    return f"The pass key is {key}. Remember it. {key} is the pass key."


def filler_windows(measure: Measure, tokens: int) -> list[str]:
    """Windows of the pass key task's filler; all are the same, so that they are read once."""
    repeats = 1
    while measure.fits(FILLER * (repeats + 1)):
        repeats += 1
    window = FILLER * repeats
    return [window] * max(1, round(tokens / measure.count(window)))


def passkey_cases(
    background: Sequence[str], measure: Measure, depths: int, limit: int | None, seed: int = 0
) -> list[Case]:
    """A pass key in filler or book text, one document for each depth."""
    generator = random.Random(seed)
    cases = []
    for depth in depths_of(min(depths, limit or depths)):
        key = str(generator.randrange(10_000, 100_000))
        fact = passkey_fact(key)
        place = at_depth(depth, len(background))
        document = planted_document(background, [fact], [place], measure)
        asked = Question(PASSKEY_QUESTION, (key,), document.spans[0])
        cases.append(document.case([0], asked, fact, depth_name(depth)))
    return cases
