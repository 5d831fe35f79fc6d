"""Units of summaries: sentences lie along the windows in order, and tell only what stands there."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.evaluate.cases.records import held_out
from lab.train.answering.summaries import (
    SENTENCE,
    Summarised,
    SummaryUnits,
    about_windows,
    likeness,
    read_summarised,
    rising,
)
from lab.train.examples import Mix
from memory_models.errors import BadData
from memory_models.prompt import TELL

WINDOWS = (
    "Anna walked to the harbour and looked for her boat, which was tied to the old pier.",
    "The storm broke the mast, and the sails went over the side. Peter shouted in the wind.",
    "At night they reached an island. A hermit gave them bread and showed them a well.",
    "In the morning the rescue steamer found them, and the captain took them home.",
)


@given(st.integers(1, 4), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_rising_sequence_has_the_largest_sum(
    parts: int, windows: int, rng: random.Random
) -> None:
    scores = np.array([[rng.randrange(6) for _ in range(windows)] for _ in range(parts)], float)
    ways = itertools.combinations_with_replacement(range(windows), parts)
    most = max(sum(scores[row, column] for row, column in enumerate(way)) for way in ways)
    found = rising(scores)
    assert found == sorted(found)
    assert sum(scores[row, column] for row, column in enumerate(found)) == most


def test_a_summary_is_told_window_by_window() -> None:
    summary = (
        "Anna looks for her boat at the pier. A hermit shows them a well. A steamer finds them."
    )
    assert about_windows(WINDOWS, summary) == [
        "Anna looks for her boat at the pier.",
        "",
        "A hermit shows them a well.",
        "A steamer finds them.",
    ]


def test_what_is_told_out_of_order_is_left_out() -> None:
    summary = "The captain of a rescue steamer took them home. Earlier Anna looked for her boat."
    assert about_windows(WINDOWS, summary)[0] == ""


def test_a_name_that_the_window_does_not_have_is_not_taught() -> None:
    assert not any(about_windows(WINDOWS, "In the storm the mast breaks and Barnaby shouts."))
    assert about_windows(WINDOWS, "In the storm the mast breaks and Peter shouts.")[1]
    assert not any(about_windows(WINDOWS, "Anna sees the mast break in the storm."))
    assert about_windows(WINDOWS, "Peter sees the mast break in the storm.")[1]


def test_a_telling_does_not_begin_with_somebody_unnamed() -> None:
    assert not any(about_windows(WINDOWS, "She looks for a boat at the pier."))
    summary = "Anna walks to the harbour. She looks for a boat at the pier."
    assert about_windows(WINDOWS, summary)[0] == summary
    assert about_windows(WINDOWS, "There was a hermit with bread. Then a hermit showed a well.")[
        2
    ] == ("Then a hermit showed a well.")


def test_sentences_do_not_end_behind_mister() -> None:
    assert SENTENCE.split("He met Mr. Karsh. Dr. Hall left! “So?” They slept.") == [
        "He met Mr. Karsh.",
        "Dr. Hall left!",
        "“So?",
        "They slept.",
    ]


def test_words_that_stand_nowhere_are_like_no_window() -> None:
    assert not likeness(WINDOWS, ["Quantum chromodynamics"]).any()
    assert not any(about_windows(WINDOWS, "Quantum chromodynamics.")) and not any(
        about_windows(WINDOWS, "")
    )


def test_a_unit_asks_what_each_summary_tells() -> None:
    text = "\n\n".join(WINDOWS)
    summaries = ("A hermit shows them a well.", "Bread is given them on an island.")
    told = SummaryUnits((Summarised("one", text, summaries),), 1.0)

    def split(text: str) -> list[tuple[int, int]]:
        starts = [text.find(window[-40:]) + 40 for window in WINDOWS if window[-40:] in text]
        return list(itertools.pairwise([0, *starts]))

    drawn = [told.unit([], split, Mix(), random.Random(n)) for n in range(40)]
    made = [unit for unit in drawn if unit is not None]
    assert made
    for unit in made:
        assert "hermit" in unit.windows[0] and unit.records == ("one",)
        assert {a.question for a in unit.asked} == {TELL}
        assert {a.answer for a in unit.asked} == set(summaries)


def test_stories_are_read_with_their_lines_joined(tmp_path: Path) -> None:
    raw = {"text": "One\nline.\n \nAnother  one.", "summaries": ["It\ntells.", " "]}
    names = [f"story/{n}" for n in range(40)]
    file = tmp_path / "stories.jsonl"
    file.write_text("\n".join(json.dumps(raw | {"id": name}) for name in names), "utf-8")
    trained, held = read_summarised(file), read_summarised(file, held=True)
    assert {s.id for s in held} == {name for name in names if held_out(name)}
    assert {s.id for s in trained} | {s.id for s in held} == set(names)
    assert trained[0].text == "One line.\n\nAnother one."
    assert trained[0].summaries == ("It tells.",)


def test_a_validation_split_is_what_is_held_out(tmp_path: Path) -> None:
    file = tmp_path / "stories.jsonl"
    lines = [{"id": s, "text": "T.", "summary": "It is.", "split": s} for s in ("train", "val")]
    file.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    assert [s.id for s in read_summarised(file)] == ["train"]
    assert [s.id for s in read_summarised(file, held=True)] == ["val"]


def test_a_file_without_summaries_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "stories.jsonl"
    file.write_text(json.dumps({"id": "a", "text": "T."}), "utf-8")
    with pytest.raises(BadData, match="no record with summaries"):
        read_summarised(file)
