"""Follow-ups made by rule: what the first question has said is left out of the second."""

from __future__ import annotations

import random

import pytest

from lab.evaluate.cases.records import Question, Record
from lab.train.answering.follow_ups import FollowUps, Pair, pairs_of, pronoun_of, shortened
from lab.train.examples import Mix, to_answer
from memory_models.errors import BadData

STORY = (
    "Vasilisa lived by the river. "
    "Vasilisa wept, for she had lost her ring, and she told her aunt. "
    "The water was cold and grey, nobody came along the road until the evening, "
    "and then the bells rang over the marsh and the wind rose. "
    "Ivan came home with his horse. Ivan said that he was hungry, and he sat down. "
    "The queen gave the fox a piece of bread. Then the fox ran into the wood. "
)
GOLD = (0, len(STORY))


def question(text: str, answer: str) -> Question:
    return Question(text, (answer,), GOLD)


@pytest.mark.parametrize(
    ("first", "answer", "second", "short"),
    [
        ("Where did Vasilisa live?", "by the river", "Why did Vasilisa weep?", "Why did she weep?"),
        ("Who was hungry?", "Ivan", "Where did Ivan's horse sleep?", "Where did his horse sleep?"),
        ("Who got bread?", "the fox", "Who gave the fox the bread?", None),  # subject or object
        ("Who got bread?", "the fox", "Where did the fox run?", "Where did it run?"),
        ("Who wept?", "Vasilisa", "Who gave bread to Vasilisa?", "Who gave bread to her?"),
        ("Where did Vasilisa weep?", "at home", "Why did Vasilisa weep?", "Why?"),
        ("What did Ivan do?", "he sat down", "Why did Ivan sit down?", "Why did he sit down?"),
        ("Who wept?", "Vasilisa", "Where did the fox run?", None),  # nothing in common
        ("Who met the queen?", "Vasilisa", "Why did Vasilisa weep?", None),  # two women
    ],
)
def test_what_was_said_is_left_out(first: str, answer: str, second: str, short: str | None) -> None:
    assert shortened(question(first, answer), question(second, "because"), STORY) == short


def test_who_somebody_is_comes_from_the_noun_or_the_story() -> None:
    assert pronoun_of("the old woman", "") == "she" and pronoun_of("the young king", "") == "he"
    assert pronoun_of("Vasilisa", STORY) == "she" and pronoun_of("Ivan", STORY) == "he"
    assert pronoun_of("Olga", STORY) is None


def test_a_follow_up_is_asked_after_the_first_question_and_its_answer() -> None:
    passage = (STORY.index("Vasilisa wept"), len(STORY))
    asked = (
        Question("Whom did Vasilisa tell of the ring?", ("her aunt",), passage),
        Question("Why did Vasilisa weep?", ("she had lost her ring",), passage),
    )
    record = Record("s", "", "train", STORY, asked)
    unit = FollowUps((record,), 1.0).unit([], lambda text: [(0, len(text))], Mix(), _AtTheStart(3))
    assert unit is not None and len(unit.asked) == 4
    follow = next(a for a in unit.asked if "lost her ring" in a.answer and "aunt" in a.question)
    assert "Vasilisa weep" not in follow.question and follow.question.endswith("she weep?")
    assert follow.question.startswith("Whom did Vasilisa tell of the ring?\nAnswer: Her aunt\nQ")
    assert follow.span is not None
    assert "lost her ring" in unit.windows[0][follow.span.start : follow.span.end]


def test_pairs_are_of_one_passage() -> None:
    far = Question("Why did Vasilisa weep?", ("because",), (5, 60))
    record = Record("s", "", "train", STORY, (question("Who wept?", "Vasilisa"), far))
    assert not list(pairs_of(record, record.questions, random.Random(0)))


def test_a_whole_question_is_no_follow_up() -> None:
    with pytest.raises(BadData, match="no follow-up"):
        Pair(to_answer("Who?", "he"), to_answer("Why?", "so"), "Why?")


class _AtTheStart(random.Random):
    """Windows begin where the story does."""

    def randrange(self, *arguments: int) -> int:  # type: ignore[override]
        return 0
