"""The sentence that answers: found where one sentence alone has the answer's words."""

from __future__ import annotations

from lab.evaluate.cases.records import Question
from lab.train.spans import answer_sentence, holder

TEXT = 'The cook left. "Who has the key?" he asked. The porter had the key, and smiled. It rained.'


def found(answer: str, gold: tuple[int, int] | None = (0, len(TEXT))) -> str | None:
    place = answer_sentence(TEXT, Question("?", (answer,), gold))
    return TEXT[place[0] : place[1]] if place else None


def test_the_sentence_with_the_answer_is_found() -> None:
    assert found("the porter") == "The porter had the key, and smiled."
    assert found("it rained.") == "It rained."
    assert found("The cook") == "The cook left."


def test_where_none_or_several_have_it_nothing_is_found() -> None:
    assert found("the butler") is None
    assert found("the key") is None
    assert found("the porter", (0, 14)) is None
    assert found("the porter", None) is None


def test_a_place_lies_whole_in_a_range() -> None:
    assert holder((5, 9), [(0, 4), (4, 9)]) == 1
    assert holder((3, 9), [(0, 4), (4, 9)]) is None
    assert holder(None, [(0, 4)]) is None
