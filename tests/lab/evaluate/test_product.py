"""Measured answers: documents with known places, right answers, and figures of confidence."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.answering.confidence import SIGNALS, Confidence, Looks, Signals
from app.calibration import read_calibration
from app.engine import Engine
from app.errors import InvalidSetting
from app.library import Library
from lab.evaluate.product.documents import documents
from lab.evaluate.product.figures import brier, calibration_error, figures
from lab.evaluate.product.fit import fit_confidence, judged_by, write_confidence
from lab.evaluate.product.plan import ProductPlan, looks_of
from lab.evaluate.product.questions import Asked, Question, is_right
from lab.evaluate.product.run import Outcome, ask_all, read_outcomes, write_outcomes
from lab.evaluate.settings import measure_of
from memory_models.errors import BadData
from memory_models.generate import sigmoid


@pytest.mark.parametrize(
    ("answer", "accepted", "found", "right"),
    [
        ("The fifth of May", ("5 May", "the fifth"), True, True),
        ("Siddhartha", ("Vasudeva",), True, False),
        ("Not found", (), False, True),
        ("Not found", ("Vasudeva",), False, False),
        ("Vasudeva", (), True, False),
        ("No, dogs are not allowed", ("No",), True, True),
        ("Yes, no dogs", ("No", "No, never"), True, False),
        ("Nobody", ("No",), True, False),
        ("She was hungry and cold", ("hungry and tired",), True, True),
    ],
)
def test_right_answers(answer: str, accepted: tuple[str, ...], found: bool, right: bool) -> None:
    assert is_right(answer, accepted, found=found) is right


def test_a_place_outside_the_text_is_refused() -> None:
    with pytest.raises(BadData, match="place outside"):
        Asked("x", "short", (Question("Who?", ("she",), "facts", ((2, 9),)),))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kinds": ("songs",)}, "songs"),
        ({"part": "train"}, "fit or test"),
        ({"kinds": ("everyday",), "part": "fit"}, "only in part test"),
        ({"looks": ("twice",)}, "twice"),
    ],
)
def test_plans_that_cannot_be_are_refused(wrong: dict[str, Any], says: str) -> None:
    file = Path("x")
    with pytest.raises(InvalidSetting, match=says):
        ProductPlan(stories=file, articles=file, facts=file, books=file, **wrong)


def test_ways_to_look_have_names() -> None:
    assert looks_of("", Looks(margin=7)) == Looks(margin=7)
    assert not looks_of("first", Looks()).second
    assert looks_of("12", Looks()) == Looks(margin=12)
    assert looks_of("8x3@1.5", Looks()) == Looks(margin=8, sentences=3, decided=1.5)


def outcome(confidence: float, right: bool, word: str = "likely", found: bool = True) -> Outcome:
    return Outcome(
        "facts", "", "d", "q", ("a",), "a", found, right, float(right), confidence, word,
        0 if right else 4, {}, 0.1, 0.2,
    )  # fmt: skip


def test_calibration_error_and_brier() -> None:
    exact = [outcome(0.5, n % 2 == 0) for n in range(40)]
    assert calibration_error(exact) == pytest.approx(0.0)
    assert brier(exact) == pytest.approx(0.25)
    wrong = [outcome(0.9, n % 10 == 0) for n in range(40)]
    assert calibration_error(wrong) == pytest.approx(0.8)
    (made,) = figures([*exact, outcome(0.9, True, "sure"), outcome(0.1, False, "guess", False)])
    found = figures([*exact, outcome(0.9, True, "sure"), outcome(0.1, False, "guess", False)])
    kind, whole = found[made]["kinds"]["facts"], found[made]["all"]
    assert kind["questions"] == 42 and kind["not_found"]["value"] == pytest.approx(1 / 42, abs=1e-3)
    assert whole["answers"] == 41 and whole["sure"]["value"] == pytest.approx(1 / 41, abs=1e-3)
    assert whole["right_where_sure"]["value"] == 1.0 and whole["right_where_guess"] is None
    assert kind["sentence_first"]["value"] == pytest.approx(0.5)


def signalled(n: int, right: bool, kind: str = "facts", **signals: float) -> Outcome:
    known = {**dict.fromkeys(SIGNALS, 0.0), "answerability": 2.0, "gain": n % 7 / 7, **signals}
    return replace(outcome(0.5, right), kind=kind, signals=known)


def test_confidence_is_fitted_to_answers() -> None:
    rng = random.Random(0)
    made = []
    for n in range(400):
        quoted = float(rng.random() < 0.5)
        right = rng.random() < (0.95 if quoted else 0.1)
        made.append(signalled(n, right, "facts" if n % 4 else "stories", quoted=quoted))
    fitted = fit_confidence(made)
    sure, other = Signals(quoted=1.0, answerability=2.0), Signals(answerability=2.0)
    assert 0.85 < fitted.of(sure) < 1 and fitted.of(other) < 0.25
    assert fitted.word(fitted.of(sure), sure) == "sure"
    assert fitted.word(fitted.of(other), other) == "guess"
    judged = judged_by(fitted, made)
    assert calibration_error(judged) < 0.06
    assert {o.word for o in judged} <= {"sure", "likely", "guess"}
    assert fitted.abstain_below == pytest.approx(sigmoid(2.0))
    missing = [signalled(n, False, "wrong", answerability=-5.0) for n in range(5)]
    assert not judged_by(fitted, missing)
    with pytest.raises(BadData, match="too few"):
        fit_confidence(made[:30])


def test_a_fit_is_kept_for_the_adapter_in_use(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = library.engine
    fitted = Confidence(1.0, 0.3, {"lead": 2.0}, 0.4, sure=0.8, likely=0.5)
    with pytest.raises(BadData, match="install an adapter"):
        write_confidence(engine, fitted, {})
    monkeypatch.setattr(Engine, "answers", "some-adapter")
    write_confidence(engine, fitted, {"test": 1})
    assert read_calibration(engine.backbone, "some-adapter").confidence == fitted
    other = read_calibration(engine.backbone, "another")
    assert other.confidence == Confidence.of_answer_adapter()


@pytest.fixture
def plan(records: Path, books: Path, asked: dict[str, Path], tmp_path: Path) -> ProductPlan:
    return ProductPlan(
        stories=records,
        articles=records,
        facts=asked["planted"],
        books=books,
        kinds=("stories",),
        limit=3,
        looks=("first", "10"),
        out=tmp_path / "outcomes.jsonl",
    )


def test_the_product_is_asked_and_what_it_says_is_kept(library: Library, plan: ProductPlan) -> None:
    made = documents(plan, measure_of(library.engine))
    for asked in made:
        for question in asked.questions:
            assert all("letter" in asked.text[a:b] for a, b in question.places)
    found = ask_all(library, plan)
    count = sum(len(asked.questions) for asked in made)
    assert count and [o.look for o in found] == ["first"] * count + ["10"] * count
    assert all(o.rank is not None and o.signals["length"] >= 0 for o in found)
    assert plan.out is not None
    write_outcomes(found, plan.out)
    assert read_outcomes(plan.out) == found
    plan.out.write_text("{}\n", "utf-8")
    with pytest.raises(BadData, match="bench answers"):
        read_outcomes(plan.out)
