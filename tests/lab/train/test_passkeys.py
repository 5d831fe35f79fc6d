"""Numbers to find: each is in the window that is asked for it; others are not in the document."""

from __future__ import annotations

import random

import pytest

from lab.evaluate.cases.tasks import PASSKEY_QUESTION, passkey_fact
from lab.train.answering.passkeys import PasskeyUnits
from lab.train.examples import Mix, Unit
from memory_models.errors import BadData

BOOK = "Rain fell on the hills all day and nobody went out. " * 200


def split(text: str) -> list[tuple[int, int]]:
    return [(start, min(start + 1500, len(text))) for start in range(0, len(text), 1500)]


def drawn(count: int) -> list[Unit]:
    source = PasskeyUnits(1.0)
    units = [source.unit([BOOK], split, Mix(), random.Random(n)) for n in range(count)]
    assert None not in units
    return [unit for unit in units if unit is not None]


def test_every_answer_stands_in_its_one_window_and_no_stranger_does() -> None:
    for unit in drawn(60):
        (window,) = unit.windows
        assert len(split(window)) == 1
        assert any(not a.abstained for a in unit.asked) and any(a.abstained for a in unit.asked)
        for asked in unit.asked:
            thing = asked.question.removeprefix("What is the ").removesuffix("?")
            assert (thing in window.lower()) is not asked.abstained
            assert asked.abstained or asked.answer in window


def test_some_windows_are_the_pass_key_task() -> None:
    keys = [
        a.answer
        for unit in drawn(60)
        for a in unit.asked
        if a.question == PASSKEY_QUESTION and passkey_fact(a.answer) in unit.windows[0]
    ]
    assert 15 < len(keys) < 45
    assert len(set(keys)) == len(keys)


def test_a_weight_below_nothing_is_refused() -> None:
    with pytest.raises(BadData, match="at least 0"):
        PasskeyUnits(-1.0)
