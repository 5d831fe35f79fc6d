"""The harness: records, scores, cases, planted facts, head choice, confidence."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lab.evaluate.calibrate import _greedy, fit_confidence
from lab.evaluate.cases.case import build_cases, located
from lab.evaluate.cases.planted import FACTS, plant
from lab.evaluate.cases.records import (
    HELD_OUT,
    Question,
    Record,
    held_out,
    read_literary,
    read_records,
)
from lab.evaluate.conditions import Answerer, PromptCondition
from lab.evaluate.harness import Outcome, OutcomeLog, judged, run, text_scores, unread
from lab.evaluate.scores import (
    bootstrap,
    contains,
    exact_match,
    is_abstention,
    recovered_gain,
    rouge_l,
    token_f1,
)
from lab.evaluate.table import make_rows, to_markdown
from lab.evaluate.window_conditions import AdaptiveCondition, WindowStates, WrongDocumentCondition
from memory_models import backbone as backbones
from memory_models.errors import BadData, InvalidRequest
from memory_models.generate import Abstention, Decoding
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.prompt import ABSTAINED

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


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl.gz"
    path.write_text(json.dumps(STORIES[0]), "utf-8")
    with pytest.raises(BadData, match=r"plain\.jsonl\.gz"):
        read_records(path)


def test_the_only_paragraph_with_the_answer_is_gold(tmp_path: Path) -> None:
    text = "Mara had a key.\n\nAnton had a boat, and a key too.\n\nIlse had nothing."
    questions = [
        {"question": "What was Anton's?", "answers": ["a boat"]},
        {"question": "What had both?", "answers": ["a key"]},
        {"question": "Who?", "answers": ["Joren"]},
        {"question": "Which?", "answers": ["x"], "paragraph": 2},
    ]
    path = tmp_path / "plain.jsonl"
    path.write_text(json.dumps({"id": "p", "text": text, "questions": questions}), "utf-8")
    (record,) = read_records(path)
    shown = [q.gold and text[slice(*q.gold)] for q in record.questions]
    assert shown == ["Anton had a boat, and a key too.", None, None, "Ilse had nothing."]
    assert [len(r.questions) for r in located([record])] == [2]
    unknown = replace(record, questions=record.questions[1:3])
    assert located([unknown]) == [unknown]


def test_unanswerable_questions_are_read_on_demand(tmp_path: Path) -> None:
    questions = [
        {"question": "Who?", "answers": ["Mara"], "paragraph": 0, "unanswerable": False},
        {"question": "When?", "answers": [], "paragraph": 0, "unanswerable": True},
    ]
    path = tmp_path / "squad.jsonl"
    path.write_text(json.dumps({"id": "p", "text": "Mara.", "questions": questions}), "utf-8")
    assert [q.question for q in read_records(path)[0].questions] == ["Who?"]
    both = read_records(path, unanswerable=True)[0].questions
    assert [(q.question, q.answers, q.gold) for q in both] == [
        ("Who?", ("Mara",), (0, 5)),
        ("When?", (), (0, 5)),
    ]


def test_held_out_records_are_those_that_training_leaves_out(tmp_path: Path) -> None:
    lines = [{"id": f"p{i}", "text": "Mara.", "questions": []} for i in range(40)]
    path = tmp_path / "articles.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    asked = read_records(path, HELD_OUT)
    assert 0 < len(asked) < 12 and {r.split for r in asked} == {HELD_OUT}
    assert {r.id for r in asked} == {r.id for r in read_records(path) if held_out(r.id)}


def test_literary_questions_are_about_whole_books(tmp_path: Path) -> None:
    books, asked = tmp_path / "books.jsonl", tmp_path / "asked.jsonl"
    texts = [{"id": str(n), "split": "val", "text": f"Book {n}. The end."} for n in range(3)]
    books.write_text("\n".join(map(json.dumps, texts)), "utf-8")
    questions = [{"question": "How does it end?", "answers": ["It ends."]}]
    lines = [{"id": f"l{n}", "book_id": str(n), "questions": questions} for n in (2, 7)]
    asked.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    (record,) = read_literary(asked, books)
    assert (record.id, record.text) == ("l2", "Book 2. The end.")
    assert record.questions[0].gold is None
    asked.write_text(json.dumps(lines[1]), "utf-8")
    with pytest.raises(BadData, match="none of the 1 books"):
        read_literary(asked, books)


def test_scores_on_known_answers() -> None:
    assert token_f1("The red fox.", ["a red fox", "wolf"]) == 1.0
    assert token_f1("red dog", ["red fox"]) == pytest.approx(0.5)
    assert token_f1("", ["fox"]) == 0.0
    assert exact_match("The Fox!", ["fox"]) == 1.0 and exact_match("fox den", ["fox"]) == 0.0
    assert rouge_l("the fox ran", ["the fox ran"]) == pytest.approx(1.0)
    assert contains("It was Agnes Whitlock, I think.", "Agnes Whitlock")
    assert not contains("Agnes and Whitlock", "Agnes Whitlock")
    assert not contains("geeseling", "geese")


@pytest.mark.parametrize(
    ("answer", "abstained"),
    [
        ("Not in the document.", True),
        ("I don’t know who that is", True),
        ("I DO NOT KNOW", True),
        ("It is not in the document", True),
        ("unanswerable", True),
        ("The document doesn't say.", True),
        ("", False),
        ("Nothing in the document is red", False),
        ("No answerphone", False),
        ("He said: not in the document", False),
    ],
)
def test_declining(answer: str, abstained: bool) -> None:
    assert is_abstention(answer) is abstained


def test_what_cannot_be_answered_is_right_when_abstained() -> None:
    nothing, something = (Question("Who?", answers, None) for answers in ((), ("Mara",)))
    assert set(text_scores("Not in the document.", nothing).values()) == {1.0}
    assert set(text_scores("Mara", nothing).values()) == {0.0}
    declined = text_scores("Not in the document.", something)
    assert declined["abstained"] == 1.0 and declined["f1"] == declined["contains"] == 0.0
    assert text_scores("It was Mara, surely.", something)["contains"] == 1.0


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


def test_distractors_from_a_pool_are_the_same_for_all(data: Path) -> None:
    records = read_records(data)
    pool = [Record("b", "", "train", "".join(f"Line {n:02}. " for n in range(12)), ())]
    cuts: list[str] = []

    def split(text: str) -> list[tuple[int, int]]:
        cuts.append(text)
        step = 18 if text.startswith("Line") else 30
        return [(s, min(s + step, len(text))) for s in range(0, len(text), step)]

    cases = build_cases(records, split, 4, None, only="val", pool=pool)
    around = [[w.text for w in c.windows if w.record == len(records)] for c in cases]
    assert around[0] == around[1] == [f"Line {n:02}. Line {n + 1:02}. " for n in (0, 2, 4, 6)]
    own = [i for i, w in enumerate(cases[0].windows) if w.record == cases[0].record]
    assert own == list(range(2, 2 + len(own)))
    assert {w.record for w in cases[0].wrong} == {len(records)}
    assert sorted(cuts) == sorted([pool[0].text, records[0].text, records[1].text])
    with pytest.raises(InvalidRequest, match="--distractor-data"):
        build_cases(records, split, 20, None, only="val", pool=pool)


def test_no_distractors_leave_the_story_alone(data: Path) -> None:
    cases = build_cases(read_records(data), lambda t: [(0, 30), (30, len(t))], 0, None, only="val")
    assert all("".join(w.text for w in case.windows) == case.text for case in cases)
    assert all(len(case.wrong) == 2 and case.wrong[0].record != case.record for case in cases)


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
    memory = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=64, keep_ratio=0.5))
    states = WindowStates(memory, tmp_path)
    conditions = [
        PromptCondition("none", Answerer(backbone), lambda case: ""),
        PromptCondition("gold", Answerer(backbone), lambda case: case.passage),
        WrongDocumentCondition("wrong", states, Answerer(backbone), 4),
        AdaptiveCondition("adaptive", states, Answerer(backbone), 4),
    ]
    file, decoding = tmp_path / "log.jsonl", Decoding(max_tokens=5)
    ahead = unread(conditions, cases, OutcomeLog(file, backbone))
    texts = {w.text for case in cases for w in (*case.windows, *case.wrong)}
    assert sorted(text for _, text in ahead) == sorted(texts)
    for condition, text in ahead:
        condition.read(text)
    assert unread(conditions, cases, OutcomeLog(file, backbone)) == []
    first = list(run(conditions, cases, decoding, OutcomeLog(file, backbone)))
    written = file.read_text("utf-8")
    assert written.count("\n") == 8
    file.write_text(written + '["torn', "utf-8")
    for state in tmp_path.rglob("*.address"):
        state.unlink()
    log = OutcomeLog(file, backbone)
    assert unread(conditions, cases, log) == []
    assert list(run(conditions, cases, decoding, log)) == first
    assert file.read_text("utf-8") == written
    outcomes = {c.name: [o for _, name, o in first if name == c.name] for c in conditions}
    rows = {row.memory: row for row in make_rows(outcomes)}
    assert rows["none"].recovered_gain_nats == 0 and rows["gold"].recovered_gain_nats == 1
    assert rows["adaptive"].recall_at_8 == 1.0 and rows["wrong"].recall_at_8 is None
    assert rows["adaptive"].state_bytes > 0 and rows["none"].state_bytes == 0
    assert rows["gold"].share_of_gold in (None, 1.0)
    assert to_markdown(list(rows.values())).count("\n") == 5


def test_another_reader_has_outcomes_of_its_own(
    data: Path, tiny_backbone: Path, other_backbone: Path, tmp_path: Path
) -> None:
    backbone, reader = backbones.load(tiny_backbone), backbones.load(other_backbone)
    cases = build_cases(read_records(data), lambda t: [(0, len(t))], 2, 1, only="val")
    log = OutcomeLog(tmp_path / "log.jsonl", backbone)
    own, other = (
        PromptCondition("gold", Answerer(who), lambda case: case.passage)
        for who in (backbone, reader)
    )
    (made,) = run([own], cases, Decoding(max_tokens=5), log)
    assert log.find(own, cases[0]) == made[2]
    assert log.find(other, cases[0]) is None
    (again,) = run([other], cases, Decoding(max_tokens=5), log)
    assert again[2].nats_per_token != made[2].nats_per_token


def test_the_wrong_document_is_in_the_key_of_its_outcome(
    data: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    """Without distractors, seeds differ only in the wrong document."""
    backbone = backbones.load(tiny_backbone)
    (case,) = build_cases(read_records(data), lambda t: [(0, len(t))], 0, 1, only="val")
    other = replace(case, wrong=tuple(replace(w, text=f"{w.text} End.") for w in case.wrong))
    memory = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=64, keep_ratio=0.5))
    condition = WrongDocumentCondition(
        "wrong", WindowStates(memory, tmp_path), Answerer(backbone), 4
    )
    log = OutcomeLog(tmp_path / "log.jsonl", backbone)
    list(run([condition], [case], Decoding(max_tokens=5), log))
    assert log.find(condition, case) is not None
    assert log.find(condition, other) is None


def test_a_broken_log_names_its_line(tiny_backbone: Path, tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('["key", {"answer": 1}]\n', "utf-8")
    with pytest.raises(BadData, match="line 1"):
        OutcomeLog(file, backbones.load(tiny_backbone))


def test_outcomes_of_earlier_versions_get_the_newer_scores(
    data: Path, tiny_backbone: Path, tmp_path: Path
) -> None:
    backbone = backbones.load(tiny_backbone)
    (case,) = build_cases(read_records(data), lambda t: [(0, len(t))], 2, 1, only="val")
    condition = PromptCondition("none", Answerer(backbone), lambda case: "")
    file = tmp_path / "log.jsonl"
    list(run([condition], [case], Decoding(max_tokens=5), OutcomeLog(file, backbone)))
    key, outcome = json.loads(file.read_text("utf-8"))
    del outcome["contains"], outcome["abstained"]
    outcome["answer"] = f"It was {case.question.answers[0]}."
    file.write_text(json.dumps([key, outcome]) + "\n", "utf-8")
    logged = OutcomeLog(file, backbone).find(condition, case)
    assert logged is not None
    found = judged(logged, condition, case)
    assert (found.contains, found.abstained) == (1.0, 0.0)


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


def test_an_answer_without_support_is_abstained(data: Path, tiny_backbone: Path) -> None:
    backbone = backbones.load(tiny_backbone)
    (case,) = build_cases(read_records(data), lambda t: [(0, len(t))], 2, 1, only="val")
    condition = PromptCondition("none", Answerer(backbone, Abstention(0, 0.4)), lambda case: "")
    outcome = Outcome("an answer", 0, 0, 0, 1.0, 1.0, 0.0, -1.0, 0, 0)
    low, high = (judged(replace(outcome, answerability=s), condition, case) for s in (0.39, 0.41))
    assert (low.answer, low.abstained) == (ABSTAINED, 1.0)
    assert (high.answer, high.abstained) == ("an answer", 0.0)
