"""What is retrieved for a question, as units to train the comparator's reader on."""

from __future__ import annotations

import itertools
import random

import pytest

from lab.evaluate.cases.records import Question, Record
from lab.train.answering.rag import RagUnits
from lab.train.examples import Mix, Source, Unit, draw_units
from memory_models.prompt import ABSTAINED

HEROES = ("Agnes", "Bertram", "Cecily", "Dunstan", "Edith", "Frideswide", "Godric", "Hilda")
BOOK = "The rain fell on the moor and nobody came. Sheep stood under the wall all day. " * 200


def _story(hero: str, number: int) -> Record:
    """Asked about the first sentence, and about the last, which no word of the question finds."""
    first = f"{hero} kept {number} silver spoons in a drawer of walnut wood. "
    rest = f"Then {hero} walked to the river and looked at the boats for a while. " * 12
    gold, end = (0, len(first.strip())), len(first + rest)
    known = Question(f"What did {hero} keep in the drawer?", (f"{number} silver spoons",), gold)
    lost = Question("Why was the sky green?", ("because of the war",), (end - 9, end))
    return Record(hero, hero, "train", first + rest, (known, lost))


def _words(text: str) -> int:
    return len(text.split())


def _whole(text: str) -> list[tuple[int, int]]:
    return [(0, len(text))]


def _units(material: RagUnits, count: int, seed: int = 0) -> list[Unit]:
    return list(itertools.islice(draw_units([material], [BOOK], _whole, Mix(), seed, 0), count))


@pytest.fixture
def material() -> RagUnits:
    records = tuple(_story(hero, n) for n, hero in enumerate(HEROES, start=3))
    return RagUnits(Source(records, 0.5), _words, tokens=30, most=2, others=6, characters=400)


def test_what_was_found_is_answered_and_what_was_not_is_abstained(material: RagUnits) -> None:
    units = _units(material, 60)
    answers = {asked.question: asked.answer for unit in units for asked in unit.asked}
    assert answers["What did Cecily keep in the drawer?"] == "5 silver spoons"
    assert answers["Why was the sky green?"] == ABSTAINED
    for unit in units:
        assert unit.is_page and len(unit.windows) == 1
        for asked in unit.asked:
            assert asked.abstained == (asked.answer == ABSTAINED)
            assert asked.abstained or asked.answer in unit.windows[0]


def test_the_page_is_the_best_passages_and_no_more(material: RagUnits) -> None:
    for unit in _units(material, 20):
        passages = unit.windows[0].split("\n\n")
        assert len(passages) == 2 and all(_words(p) <= 30 for p in passages)
        assert unit.records[0] in unit.windows[0]  # the hero's name is what was searched for


def test_units_follow_from_the_seed(material: RagUnits) -> None:
    assert _units(material, 8) == _units(material, 8) != _units(material, 8, seed=1)
    assert material.weight == 0.5


def test_nothing_is_asked_where_no_passage_is_known() -> None:
    record = Record("a", "a", "train", "Rain fell.", (Question("What fell?", ("Snow",), None),))
    alone = RagUnits(Source((record,), 1.0), _words, tokens=30, most=2)
    assert alone.unit([BOOK], _whole, Mix(), random.Random(0)) is None
