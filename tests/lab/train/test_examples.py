"""Training units: what is answered stands in the window, what is not is declined."""

from __future__ import annotations

import itertools
import random

import pytest

from lab.evaluate.cases.records import Question, Record, held_out
from lab.train.examples import Mix, Source, draw_units
from memory_models.errors import BadData
from memory_models.prompt import ABSTAINED


def a_record(name: str, sentences: int = 120) -> Record:
    rng = random.Random(name)
    text, questions = "", []
    for i in range(sentences):
        thing, place = f"{name}{i}", rng.choice(["harbour", "mill", "inn", "garden"])
        sentence = f"The {thing} was found at the {place} by nobody in particular that day. "
        questions.append(
            Question(f"Where was {thing}?", (f"at the {place}",), (len(text), len(text) + 40))
        )
        text += sentence
    return Record(name, name, "train", text, tuple(questions[::6]))


RECORDS = (a_record("axe"), a_record("bell"))
FACTS = tuple(
    Record(
        f"f{i}", "", "train", f"Item{i} costs {i} coins.", (Question(f"item{i}?", (f"{i}",), None),)
    )
    for i in range(9)
)
BOOK = "Rain fell on the hills all day and nobody went out. " * 200


def split(text: str) -> list[tuple[int, int]]:
    """Windows of at most 900 characters that end with a sentence."""
    ranges, start = [], 0
    while start < len(text):
        end = len(text) if start + 900 >= len(text) else text.rindex(". ", start, start + 900) + 2
        ranges.append((start, end))
        start = end
    return ranges


def some(count: int, *sources: Source, seed: int = 0, mix: Mix = Mix()) -> list:  # noqa: B008
    return list(itertools.islice(draw_units(sources, [BOOK], split, mix, seed, 0), count))


def test_answers_stand_in_the_window_and_declined_ones_do_not() -> None:
    for unit in some(60, Source(RECORDS, 1.0)):
        assert any(not a.abstained for a in unit.asked)
        for asked in unit.asked:
            thing = asked.question.removeprefix("Where was ").rstrip("?")
            stands = f"The {thing} was" in unit.windows[0]
            assert stands != asked.abstained, (asked, unit.windows[0])
            assert asked.abstained == (asked.answer == ABSTAINED)


def test_pages_are_the_passage_alone() -> None:
    units = some(20, Source(RECORDS, 1.0), mix=Mix(pages=1.0))
    assert all(unit.is_page and len(unit.windows[0]) == 40 for unit in units)


def test_facts_are_planted_in_book_text() -> None:
    for unit in some(40, Source(FACTS, 1.0, planted=True)):
        assert "Rain fell" in unit.windows[0] and len(unit.windows[0]) <= 900
        for asked in unit.asked:
            number = asked.question.removeprefix("item").rstrip("?")
            assert (f"Item{number} costs" in unit.windows[0]) != asked.abstained


def test_a_unit_is_the_same_again_and_a_resumed_stream_goes_on() -> None:
    sources = (Source(RECORDS, 1.0), Source(FACTS, 1.0, planted=True))
    whole = some(12, *sources)
    later = list(itertools.islice(draw_units(sources, [BOOK], split, Mix(), 0, 7), 5))
    assert whole[7:] == later
    assert whole != some(12, *sources, seed=1)


def test_one_record_in_eight_is_held_out_for_ever() -> None:
    share = sum(held_out(f"record/{i}") for i in range(4000)) / 4000
    assert 0.1 < share < 0.15
    assert held_out("record/1") == held_out("record/1")


def test_empty_sources_and_impossible_mixes_are_refused() -> None:
    with pytest.raises(BadData, match="no record"):
        Source((), 1.0)
    with pytest.raises(BadData, match=r"^Mix\("):
        Mix(pages=1.5)
