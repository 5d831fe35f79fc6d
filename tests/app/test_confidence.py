"""Confidence: signals of an answer, a logistic model of them, and the word that people read."""

from __future__ import annotations

import pytest

from app.answering.confidence import (
    Confidence,
    Looks,
    Signals,
    is_doubtful,
    word_shares,
)

EVIDENCE = ("The ferryman Vasudeva rowed him over the river.", "He thanked the ferryman.")


def test_an_answer_in_the_evidence_is_quoted() -> None:
    shares = word_shares("Vasudeva", "What is the ferryman's name?", EVIDENCE)
    assert shares == {
        "quoted": 1.0,
        "nearby": 1.0,
        "echoed": 0.0,
        "unexplained": 0.0,
        "length": 1.0,
    }


@pytest.mark.parametrize(
    ("answer", "doubtful"),
    [
        ("Vasudeva", False),
        ("He thanks the river", False),  # another form of a word counts
        ("The ferryman's name", True),  # only words of the question
        ("Siddhartha", True),  # nothing explains it
        ("Vasudeva and Govinda", True),
        ("Vasudeva 2", True),
        ("Yes", False),
        ("No, the river", False),
        ("", False),
    ],
)
def test_doubtful_answers(answer: str, doubtful: bool) -> None:
    shares = word_shares(answer, "What is the ferryman's name?", EVIDENCE)
    assert is_doubtful(Signals(**shares)) is doubtful
    confidence = Confidence(bias=5.0, threshold=0.1)
    word = confidence.word(confidence.of(Signals(**shares)), Signals(**shares))
    assert word == ("guess" if doubtful else "sure")


def test_yes_needs_evidence_to_be_quoted() -> None:
    assert word_shares("Yes", "May he?", ())["nearby"] == 0.0
    assert word_shares("Yes", "May he?", EVIDENCE)["nearby"] == 1.0


def test_yes_and_no_need_a_sentence_that_has_a_word_of_the_question() -> None:
    sentences = ("It is held by the Landlord herself.", "The Tenant may not sublet.")
    asked = "Am I allowed to sublet?"
    assert word_shares("Yes", asked, sentences)["unexplained"] == 1.0
    assert word_shares("No", asked, sentences[::-1])["unexplained"] == 0.0
    assert word_shares("No", "May he?", sentences)["unexplained"] == 0.0


def test_signals_are_weighed() -> None:
    confidence = Confidence(0.5, 0.2, {"gain": 2.0, "lead": -1.0}, sure=0.9, likely=0.6)
    assert confidence.of(Signals(gain=0.25, lead=1.0)) == pytest.approx(0.5)
    words = [confidence.word(value, Signals()) for value in (0.95, 0.9, 0.7, 0.6, 0.59)]
    assert words == ["sure", "sure", "likely", "likely", "guess"]


def test_older_calibrations_are_read() -> None:
    old = {"bias": 1.0, "gain": 2.0, "log_prob": 3.0, "threshold": 0.2, "support": 4.0}
    read = Confidence.from_json({**old, "declining": 0.8})
    assert read.weights == {"gain": 2.0, "log_prob": 3.0, "answerability": 4.0}
    assert (read.bias, read.threshold, read.abstain_below) == (1.0, 0.2, 0.8)
    present = {"bias": 0.0, "threshold": 0.1, "weights": {"lead": 1.0}, "sure": 0.9}
    assert Confidence.from_json(present).weights == {"lead": 1.0}


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="no signal 'mood'"):
        Confidence(0.0, 0.5, {"mood": 1.0})
    with pytest.raises(TypeError):
        Confidence.from_json({"bias": 0.0, "threshold": 0.1, "mood": 1.0})
    with pytest.raises(ValueError, match="margin"):
        Looks(margin=-1)
