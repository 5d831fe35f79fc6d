"""bAbI units: the world answers as stories do, sentences keep their order, windows hold them."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from pathlib import Path

import pytest

from lab.train.answering.babi import Tale, Tales, World, read_tales, scattered
from lab.train.examples import Mix, draw_units, to_answer
from memory_models.errors import BadData
from memory_models.prompt import ABSTAINED

TOLD = (
    "Mary moved to the bathroom.",
    "Mary got the football there.",
    "John went back to the kitchen.",
    "Mary travelled to the garden.",
    "Mary handed the football to John.",
    "John journeyed to the office.",
    "John dropped the football.",
    "John went to the bedroom.",
)
BOOK = "Rain fell on the hills all day and nobody went out. " * 200


def split(text: str) -> list[tuple[int, int]]:
    return [(start, min(start + 900, len(text))) for start in range(0, len(text), 900)]


def world(sentences: int = len(TOLD)) -> World:
    made = World()
    for sentence in TOLD[:sentences]:
        made.follow(sentence)
    return made


def test_people_are_where_they_went_last() -> None:
    assert world(3).answers(1) == {"Where is Mary?": "bathroom", "Where is John?": "kitchen"}
    assert world().answers(1) == {"Where is Mary?": "garden", "Where is John?": "bedroom"}


def test_things_are_where_they_were_carried() -> None:
    assert world(4).answers(2) == {"Where is the football?": "garden"}
    assert world().answers(2) == {"Where is the football?": "office"}  # dropped before he left
    assert world(4).answers(3) == {"Where was the football before the garden?": "bathroom"}


def test_the_latest_gift_counts() -> None:
    made = world()
    made.follow("John gave the football to Sue.")
    answers = made.answers(5)
    assert answers["Who received the football?"] == "Sue"
    assert answers["What did Mary give to John?"] == "football"


def a_tale() -> Tale:
    return Tale(1, TOLD, ((3, to_answer("Where is Mary?", "garden")),))


def test_a_unit_tells_the_story_in_order_and_declines_strangers() -> None:
    stranger = Tale(1, ("Ann went to the hall.",), ((0, to_answer("Where is Ann?", "hall")),))
    source = Tales((a_tale(), stranger), 1.0)
    for unit in itertools.islice(draw_units([source], [BOOK], split, Mix(), 0, 0), 40):
        whole = " ".join(unit.windows)
        assert len(unit.windows) <= Mix().most and all(len(w) <= 900 for w in unit.windows)
        told = [s for s in (*TOLD, *stranger.sentences) if s in whole]
        assert told in (list(TOLD[:4]), list(stranger.sentences))
        assert [whole.index(s) for s in told] == sorted(whole.index(s) for s in told)
        for asked in unit.asked:
            name = asked.question.removeprefix("Where is ").rstrip("?")
            assert (asked.answer == ABSTAINED) == asked.abstained == (name not in whole)


def test_a_page_is_the_story_alone_where_a_window_holds_it() -> None:
    source, long = Tales((a_tale(),), 1.0), Tale(1, TOLD * 9, ((70, to_answer("Who?", "Ann")),))
    rng = random.Random(0)
    page = source.unit([BOOK], split, Mix(pages=1.0), rng)
    assert page is not None and page.is_page and page.windows == (" ".join(TOLD[:4]),)
    assert Tales((long,), 1.0).unit([BOOK], split, Mix(pages=1.0), rng) is None
    drawn = itertools.islice(draw_units([source], [BOOK], split, Mix(pages=0.5), 0, 0), 60)
    assert 15 < sum(unit.is_page for unit in drawn) < 45


def test_what_no_window_can_hold_makes_no_unit() -> None:
    assert scattered(TOLD * 20, 1, BOOK, split, random.Random(0)) is None
    assert scattered(TOLD, 2, BOOK, split, random.Random(0)) is not None


def test_stories_of_other_tasks_and_held_out_ones_are_left_alone(tmp_path: Path) -> None:
    line = {
        "task": 1,
        "sentences": TOLD,
        "questions": [{"question": "Where is Mary?", "answers": ["garden"], "after_sentence": 3}],
    }
    path = tmp_path / "babi.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        for number in range(80):
            lines.write(json.dumps({**line, "id": f"t{number}", "task": 1 + number % 2}) + "\n")
    assert 25 < len(read_tales(path, 1.0, (1,)).tales) < 40
    with pytest.raises(BadData, match="none"):
        read_tales(path, 1.0, (7,))
