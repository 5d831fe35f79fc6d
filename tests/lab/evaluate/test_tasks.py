"""Long documents: passages found in them, sentences planted in them, and the tasks made of both."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.evaluate.cases.babi import babi_cases, read_stories
from lab.evaluate.cases.background import (
    Measure,
    Place,
    at_depth,
    book_windows,
    joined,
    plant_in,
    planted_document,
)
from lab.evaluate.cases.case import Case
from lab.evaluate.cases.passages import Cutter, Index, sentences
from lab.evaluate.cases.records import HELD_OUT, Question, Record, held_out
from lab.evaluate.cases.tasks import FILLER, fact_cases, filler_windows, passkey_cases
from memory_models.errors import BadData, InvalidRequest

WINDOW = 40  # words, which are the tokens of these tests


def words(text: str) -> int:
    return len(text.split())


def by_sentences(text: str) -> Sequence[tuple[int, int]]:
    """Windows of whole sentences, at most WINDOW words."""
    ranges, start, end = [], 0, 0
    for sentence in sentences(text):
        if words(text[start : end + len(sentence)]) > WINDOW:
            ranges.append((start, end))
            start = end
        end += len(sentence)
    return [*ranges, (start, end)]


MEASURE = Measure(by_sentences, words, WINDOW)
BOOKS = [
    " ".join(f"Sentence {n} of book {b} stands here." for n in range(100)) + "\n\n"
    for b in range(3)
]


def book(tokens: int) -> list[str]:
    return book_windows(iter(BOOKS), MEASURE, tokens)


def check(case: Case) -> None:
    """What holds for every planted case."""
    assert "".join(w.text for w in case.windows) == case.text
    assert [case.text[w.start : w.end] for w in case.windows] == [w.text for w in case.windows]
    assert all(words(w.text) <= WINDOW for w in case.windows)
    shown = {i for s, e in case.spans for i, w in enumerate(case.windows) if w.start < e <= w.end}
    assert case.gold == shown != set()
    for start, end in case.spans:
        assert case.text[start:end] in case.passage
        assert not any(case.text[start:end] in window.text for window in case.wrong)


# Passages


@given(st.text(alphabet="ab .!?\n”", max_size=80))
def test_sentences_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


def test_sentences_end_at_full_stops_and_blank_lines() -> None:
    text = "One.  “Two!” Three? four\n\nfive"
    assert sentences(text) == ["One.  ", "“Two!” ", "Three? ", "four\n\n", "five"]


@given(st.integers(8, 60), st.integers(0, 400))
def test_passages_cover_the_document_within_their_length(tokens: int, longest: int) -> None:
    long = "word " * longest + "end. "
    windows = [*joined(book(300)), *joined([long, "Behind it."], record=1)]
    passages = Cutter(words, tokens).cut(windows)
    assert "".join(p.text for p in passages) == "".join(w.text for w in windows)
    assert all(0 < words(p.text) <= tokens for p in passages)
    for passage in passages:
        own = "".join(w.text for w in windows if w.record == passage.record)
        assert own[passage.start : passage.end] == passage.text


def test_passages_run_over_the_edge_of_a_window() -> None:
    windows = joined(["One two three. ", "Four five six. ", "Seven eight nine. "])
    assert len(Cutter(words, 9).cut(windows)) == 1
    torn = (windows[0], windows[2])
    assert [p.text for p in Cutter(words, 9).cut(torn)] == [w.text for w in torn]


def test_bm25_finds_the_passage_with_the_words() -> None:
    texts = [f"Here {name} {did} near the mill." for name, did in WHO_DID]
    passages = Cutter(words, 8).cut(joined(f"{text} " for text in texts))
    assert len(passages) == len(texts)
    index = Index(passages)
    assert passages[index.ranked("Who was painting the boat?")[0]].text.startswith("Here Ilse")
    assert passages[index.ranked("What did Anton do?")[0]].text.startswith("Here Anton")
    assert index.ranked("the of and") == list(range(len(texts)))
    assert index.ranked("") == list(range(len(texts)))


WHO_DID = (
    ("Mara", "found a key"),
    ("Anton", "lost a letter"),
    ("Ilse", "painted a boat"),
    ("Joren", "mended a clock"),
    ("Greta", "sold a gull"),
)


# Documents


def test_longer_documents_begin_with_the_shorter_ones() -> None:
    short, long = book(200), book(1500)
    assert long[: len(short)] == short
    assert 200 - WINDOW < words("".join(short)) <= 200
    assert 1500 - WINDOW < words("".join(long)) <= 1500
    assert "book 0" in long[0] and "book 2" in long[-1]
    with pytest.raises(InvalidRequest, match="2,100 tokens, 9,000"):
        book(9000)


facts_in_a_window = st.lists(
    st.tuples(st.sampled_from(["Mara has it.", "The key is 12345. So it is."]), st.floats(0, 1)),
    min_size=1,
    max_size=5,
).map(lambda facts: sorted(facts, key=lambda fact: fact[1]))


@given(facts_in_a_window, st.integers(0, 8))
def test_what_is_planted_stands_between_sentences(
    facts: list[tuple[str, float]], count: int
) -> None:
    own = [f"Own sentence {n}. " for n in range(count)]
    text, spans = plant_in("".join(own), facts, MEASURE.fits)
    assert words(text) <= WINDOW
    assert [text[s:e] for s, e in spans] == [fact for fact, _ in facts]
    assert spans == sorted(spans)
    rest = text
    for start, end in reversed(spans):
        rest = rest[:start] + rest[end:].removeprefix(" ")
    kept = len(re.findall("Own", rest))
    assert rest.split() == "".join(own[:kept]).split()
    assert kept == count or words(text) + words(own[kept]) > WINDOW


def test_too_much_for_a_window_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="do not fit"):
        plant_in("Own. ", [("word " * WINDOW + "more.", 0.5)], MEASURE.fits)


def test_only_the_windows_with_facts_change() -> None:
    texts = book(400)
    places = [Place(2, 0.0), Place(2, 1.0), Place(5, 0.5)]
    document = planted_document(texts, ["First.", "Second.", "Third."], places, MEASURE)
    changed = [i for i, w in enumerate(document.windows) if w.text != texts[i]]
    assert changed == [2, 5]
    assert [document.text[s:e] for s, e in document.spans] == ["First.", "Second.", "Third."]
    assert [w.text for w in document.wrong] == texts


@given(st.floats(0, 1), st.integers(1, 3000))
def test_depths_are_places_of_the_document(depth: float, windows: int) -> None:
    place = at_depth(depth, windows)
    assert 0 <= place.window < windows and 0 <= place.within <= 1
    assert (place.window + place.within) / windows == pytest.approx(depth, abs=1e-3)


# Tasks

FACTS = [
    Record(
        f"f{n}",
        "",
        "dev",
        f"The colour of ship {n} is number {n}. It sails on {n}.",
        (Question(f"What colour has ship {n}?", (f"number {n}",), None),),
    )
    for n in range(30)
]


def test_facts_stand_at_even_depths_of_shared_documents() -> None:
    background = book(1200)
    cases = fact_cases(FACTS, background, MEASURE, depths=5, limit=12)
    assert len(cases) == 12
    for case in cases:
        check(case)
        assert case.question.answers[0] in case.passage
    assert [c.windows is cases[0].windows for c in cases] == [True] * 5 + [False] * 7
    assert [c.group for c in cases[:5]] == [f"depth {d}%" for d in (10, 30, 50, 70, 90)]
    where = [case.spans[0][0] / len(case.text) for case in cases[:5]]
    assert where == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9], abs=0.03)
    asked = {case.question.question for case in cases}
    assert len(asked) == 12
    plain = set(background)
    assert sum(w.text not in plain for w in cases[0].windows) == 5
    assert cases == fact_cases(FACTS, background, MEASURE, depths=5, limit=12)
    with pytest.raises(InvalidRequest, match="Only 30 passages"):
        fact_cases(FACTS, background, MEASURE, depths=5, limit=31)


def test_pass_keys_differ_and_stand_at_their_depth() -> None:
    for background in (book(1200), filler_windows(MEASURE, 1200)):
        cases = passkey_cases(background, MEASURE, depths=4, limit=None)
        assert len({case.question.answers for case in cases}) == len(cases) == 4
        for number, case in enumerate(cases):
            check(case)
            (key,) = case.question.answers
            assert case.text.count(key) == 2 and len(key) == 5
            assert case.spans[0][0] / len(case.text) == pytest.approx((number + 0.5) / 4, abs=0.04)


def test_filler_is_one_window_again_and_again() -> None:
    windows = filler_windows(MEASURE, 1000)
    assert len(set(windows)) == 1 and windows[0] == FILLER * 2
    assert len(windows) == round(1000 / words(FILLER * 2))


def story(task: int, number: int, length: int) -> str:
    told = [f"Mara {number} went to room {n}." for n in range(length)]
    questions = [
        {
            "question": f"Where is Mara {number}?",
            "answers": [f"room {n}"],
            "after_sentence": n + 1,
            "support": [n, 0] if n else [0],
        }
        for n in range(length - 1)
    ]
    name = f"babi/{task}/{number}"
    return json.dumps({"id": name, "task": task, "sentences": told, "questions": questions})


@pytest.fixture
def stories(tmp_path: Path) -> Path:
    path = tmp_path / "babi.jsonl"
    lines = [story(task, 10 * task + n, 3 + n) for task in (1, 2, 9) for n in range(4)]
    path.write_text("\n".join(lines), "utf-8")
    return path


def test_stories_are_told_up_to_their_question(stories: Path) -> None:
    found = read_stories(stories, tasks=(1, 2))
    assert [s.task for s in found] == [1, 2] * 4
    for told in found:
        assert len(told.sentences) == int(told.question.answers[0].split()[1]) + 2
        assert told.support == tuple(sorted({0, len(told.sentences) - 2}))
    stories.write_text(
        '{"id": "1", "task": 1, "sentences": ["A."], "questions": [{"question": "Q", '
        '"answers": ["a"], "after_sentence": 0, "support": [3]}]}',
        "utf-8",
    )
    with pytest.raises(BadData, match="line 1"):
        read_stories(stories)


def test_stories_held_out_are_those_that_training_leaves_out(tmp_path: Path) -> None:
    path = tmp_path / "babi.jsonl"
    path.write_text("\n".join(story(1, n, 3) for n in range(40)), "utf-8")
    every, apart = read_stories(path, (1,)), read_stories(path, (1,), split=HELD_OUT)
    names = {s.question.question for s in apart}
    assert 0 < len(apart) < 12 < len(every) == 40
    assert names == {f"Where is Mara {n}?" for n in range(40) if held_out(f"babi/1/{n}")}
    with pytest.raises(InvalidRequest, match="no split"):
        read_stories(path, (1,), split="val")


@pytest.mark.parametrize("tokens", [150, 1000])
def test_a_storys_sentences_are_scattered_in_order(stories: Path, tokens: int) -> None:
    background, found = book(tokens), read_stories(stories, tasks=(1, 2))
    cases = babi_cases(found, background, MEASURE, limit=6)
    assert [case.group for case in cases] == ["qa1", "qa2"] * 3
    for case, told in zip(cases, found, strict=False):
        check(case)
        at = [case.text.index(sentence) for sentence in told.sentences]
        assert at == sorted(at)
        assert [case.text[s:e] for s, e in case.spans] == [told.sentences[n] for n in told.support]
        assert case.passage == " ".join(told.sentences)


def test_stories_that_would_fill_their_document_are_left_out(stories: Path) -> None:
    found = read_stories(stories, tasks=(1, 2))
    fitting = babi_cases(found, book(40), MEASURE, limit=None)
    assert 0 < len(fitting) < len(found)
    for case in fitting:
        check(case)
        assert words(case.passage) <= WINDOW / 2
    with pytest.raises(InvalidRequest, match="No story fits"):
        babi_cases([s for s in found if words(" ".join(s.sentences)) > 20], book(40), MEASURE, 1)


def test_without_a_book_the_story_is_the_document(stories: Path) -> None:
    found = read_stories(stories, tasks=(1, 2))
    (case, other) = babi_cases(found, [], MEASURE, limit=2)
    assert case.text == case.passage == " ".join(found[0].sentences)
    check(case)
    assert "".join(w.text for w in case.wrong) == other.text
