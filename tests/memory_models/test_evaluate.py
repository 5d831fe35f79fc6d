"""The harness: records, scores, cases, planted facts, head choice, confidence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memory_models import backbone as backbones
from memory_models.errors import BadData, InvalidRequest
from memory_models.evaluate.calibrate import _greedy, fit_confidence
from memory_models.evaluate.data import read_records
from memory_models.evaluate.harness import (
    Adaptive,
    Outcome,
    PromptOnly,
    WindowStates,
    build_cases,
    run,
)
from memory_models.evaluate.planted import FACTS, plant
from memory_models.evaluate.scores import (
    bootstrap,
    contains,
    exact_match,
    recovered_gain,
    rouge_l,
    token_f1,
)
from memory_models.evaluate.table import make_rows, to_markdown
from memory_models.generate import Decoding
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory

STORIES = [
    {
        "id": f"s{i}",
        "title": f"Story {i}",
        "split": "val" if i < 2 else "train",
        "text": f"Once {name} lived by the mill.\n\nThen {name} found a {thing} and sold it.",
        "section_words": [6, 8],
        "questions": [
            {"question": f"What did {name} find?", "answers": [f"a {thing}"], "sections": "2"},
            {"question": "Nothing?", "answers": []},
        ],
    }
    for i, (name, thing) in enumerate(
        [("Mara", "key"), ("Anton", "boat"), ("Ilse", "clock"), ("Joren", "gull")]
    )
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "stories.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, STORIES)).encode()))
    return path


def test_gold_passage_is_the_section(data: Path) -> None:
    records = read_records(data, "val")
    assert [r.id for r in records] == ["s0", "s1"]
    (question,) = records[0].questions
    assert question.gold is not None
    start, end = question.gold
    assert records[0].text[start:end] == "Then Mara found a key and sold it."


def test_bad_data_names_its_line(data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(json.dumps(STORIES[0]) + '\n{"id": 1}\n', "utf-8")
    with pytest.raises(BadData, match="line 2"):
        read_records(broken)
    with pytest.raises(BadData, match="'test'"):
        read_records(data, "test")


def test_scores_on_known_answers() -> None:
    assert token_f1("The red fox.", ["a red fox", "wolf"]) == 1.0
    assert token_f1("red dog", ["red fox"]) == pytest.approx(0.5)
    assert token_f1("", ["fox"]) == 0.0
    assert exact_match("The Fox!", ["fox"]) == 1.0 and exact_match("fox den", ["fox"]) == 0.0
    assert rouge_l("the fox ran", ["the fox ran"]) == pytest.approx(1.0)
    assert contains("It was Agnes Whitlock, I think.", "Agnes Whitlock")
    assert not contains("Agnes and Whitlock", "Agnes Whitlock")
    assert not contains("geeseling", "geese")


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8))
def test_f1_is_symmetric_and_bounded(words: list[str]) -> None:
    one, two = "x " + " ".join(words), "x b d"
    assert token_f1(one, [two]) == pytest.approx(token_f1(two, [one]))
    assert 0 <= token_f1(one, [two]) <= 1


def test_recovered_gain_and_its_interval() -> None:
    off, gold, memory = [0.0, 0.2, 0.1, 0.1], [0.5, 0.7, 0.6, 0.6], [0.25, 0.45, 0.35, 0.35]
    assert recovered_gain(memory, off, gold) == pytest.approx(0.5)
    assert recovered_gain(memory, off, off) is None
    found = bootstrap(
        lambda chosen: recovered_gain(*([c[i] for i in chosen] for c in (memory, off, gold))), 4
    )
    assert found is not None and found[0] <= 0.5 <= found[1]


def test_cases_put_the_story_among_distractors(data: Path) -> None:
    records = read_records(data)
    cases = build_cases(records, lambda t: [(0, 30), (30, len(t))], 3, None, only="val")
    assert len(cases) == 2
    for case in cases:
        own = [w for w in case.windows if w.record == case.record]
        assert "".join(w.text for w in own) == case.text and len(case.windows) == 5
        assert all(w.record != case.record for w in case.wrong)
        assert len(case.wrong) == len(case.windows)
        assert all(case.windows[i].record == case.record for i in case.gold) and case.gold
    with pytest.raises(InvalidRequest, match="6 windows"):
        build_cases(records, lambda t: [(0, 30), (30, len(t))], 60, None)


def test_planted_facts_stand_where_they_say() -> None:
    text = "A plain sentence stands here. " * 400
    planted = plant(text)
    assert len(planted.facts) == len(FACTS) == 20
    for fact, where in zip(planted.facts, planted.where, strict=True):
        assert planted.text[where : where + len(fact.sentence)] == fact.sentence
        assert contains(fact.sentence, fact.answer) and not contains(fact.question, fact.answer)
        assert fact.sentence in planted.around(planted.facts.index(fact), 400)
    rest = planted.text
    for fact in planted.facts:
        rest = rest.replace(fact.sentence + " ", "", 1)
    assert rest == text
    with pytest.raises(InvalidRequest, match="too few"):
        plant("One. Two. Three.")


def test_harness_runs_resumes_and_tabulates(
    data: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    backbone = backbones.load(tiny_backbone)
    cases = build_cases(read_records(data), lambda t: [(0, 30), (30, len(t))], 3, None, only="val")
    memory = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=64, share=0.5))
    states = WindowStates(memory, tmp_path)
    conditions = [
        PromptOnly("none", backbone, lambda case: ""),
        PromptOnly("gold", backbone, lambda case: case.passage),
        Adaptive("wrong", states, 4, wrong=True),
        Adaptive("adaptive", states, 4),
    ]
    log, decoding = tmp_path / "log.jsonl", Decoding(max_tokens=5)
    first = list(run(conditions, cases, backbone, decoding, log))
    written = log.read_text("utf-8")
    assert list(run(conditions, cases, backbone, decoding, log)) == first
    assert log.read_text("utf-8") == written
    outcomes = {c.name: [o for _, name, o in first if name == c.name] for c in conditions}
    rows = {row.memory: row for row in make_rows(outcomes)}
    assert rows["none"].recovered_gain_nats == 0 and rows["gold"].recovered_gain_nats == 1
    assert rows["adaptive"].recall_at_8 == 1.0 and rows["wrong"].recall_at_8 is None
    assert rows["adaptive"].state_bytes > 0 and rows["none"].state_bytes == 0
    assert to_markdown(list(rows.values())).count("\n") == 5


def test_heads_are_added_only_while_they_help() -> None:
    """Head 3 finds every gold window, the others are noise; two query heads share a key head."""
    generator = torch.Generator().manual_seed(0)
    scored, gold = [], []
    for case in range(30):
        scores = torch.randn(8, 20, generator=generator)
        scores[3, case % 20] += 30
        scored.append(scores)
        gold.append([case % 20])
    assert _greedy(scored, gold, H=4, group=2, key_heads=3, most=6) == ((0, 3),)


def test_confidence_separates_right_from_wrong() -> None:
    def outcome(f1: float, gain: float) -> Outcome:
        return Outcome("", f1, 0.0, 0.0, 1.0, 1.0, gain, -0.5, 0, 0)

    book = [outcome(1.0, 2.0 + 0.1 * i) for i in range(20)] + [
        outcome(0.0, 0.1 * i) for i in range(20)
    ]
    wrong = [outcome(0.0, -0.5 + 0.05 * i) for i in range(20)]
    right = [o.f1 >= 0.5 for o in book]
    fit = fit_confidence(book, right, wrong)
    assert fit.gain > 0 and fit.right_kept > 0.9 and fit.wrong_book_flagged > 0.9
    with pytest.raises(InvalidRequest, match="0 right"):
        fit_confidence([outcome(0.0, 1.0)], [False], wrong)
