"""Thorough answers: every segment asked once, the scope kept, and a list in the book's order."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from novels import QUESTION, Shelf, novel
from tiny import DTYPE
from torch import Tensor
from typer.testing import CliRunner

from app.answering.answers import NOT_FOUND, Answer, Evidence
from app.answering.items import NAMED, Item, Place, ThoroughAnswer, joined_items, told
from app.answering.thorough import ROWS
from app.cli.main import app
from app.errors import InvalidQuestion
from app.library import Stopped
from app.state_reader import Scope, StateReader
from app.storage.store import Document
from app.trained import AdaptedDecoder, TrainedParts
from memory_models.generate import answerabilities, generate
from memory_models.memories.adaptive import AdaptiveMemory
from memory_models.memories.slot_reading import SlotReading
from memory_models.memory import Bundle
from memory_models.prompt import build_prompt
from memory_models.recall import WindowMemory

ABSTAIN = 5


@pytest.fixture
def adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer adapter that changes nothing and abstains with one of the model's tokens."""

    def answers(parts: TrainedParts) -> AdaptedDecoder:
        return AdaptedDecoder("same", parts._backbone.decoder, abstain_token=ABSTAIN)

    monkeypatch.setattr(TrainedParts, "answers", answers)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The segments whose slots are loaded together, in the order of loading."""
    loaded: list[list[int]] = []
    slots = StateReader.slots

    def watched(
        self: StateReader, document: Document, memory: WindowMemory, segments: list[int]
    ) -> dict[int, Bundle]:
        loaded.append(segments)
        return slots(self, document, memory, segments)

    monkeypatch.setattr(StateReader, "slots", watched)
    return loaded


def ask(shelf: Shelf, scope: Scope = Scope(), **named: Any) -> ThoroughAnswer:  # noqa: B008
    document = shelf.documents["adaptive"]
    return shelf.libraries["adaptive"].ask_thoroughly(document.id, QUESTION, scope, **named)


def chapters_of(shelf: Shelf) -> list[int]:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    return library.store.segment_chapters(document.reading)


@pytest.mark.usefixtures("adapted")
def test_every_segment_is_asked_exactly_once(
    shelf: Shelf, batches: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.answering.thorough.POSSIBLE", 2.0)
    asked: list[int] = []
    recall = AdaptiveMemory.recall

    def watched(
        self: AdaptiveMemory, windows: Mapping[int, Bundle], prior: Tensor, **named: Any
    ) -> SlotReading:
        asked.extend(windows)
        return recall(self, windows, prior, **named)

    monkeypatch.setattr(AdaptiveMemory, "recall", watched)
    found = ask(shelf)
    count = len(chapters_of(shelf))
    assert asked == list(range(count)) and found.asked == count > ROWS
    assert [n for batch in batches for n in batch] == asked
    assert max(map(len, batches)) == ROWS
    assert (found.answer.answer, found.items, found.answer.supported) == (NOT_FOUND, [], False)
    assert found.answer.confidence_word == "guess"


@pytest.mark.usefixtures("adapted")
@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        (Scope(), {1, 2, 3}),
        (Scope(chapter=2), {2}),
        (Scope(as_of_chapter=2), {1, 2}),
    ],
)
def test_only_the_scope_is_asked(
    shelf: Shelf, batches: list[list[int]], scope: Scope, inside: set[int]
) -> None:
    found = ask(shelf, scope)
    chapters = chapters_of(shelf)
    asked = [n for batch in batches for n in batch]
    assert asked == [n for n, chapter in enumerate(chapters) if chapter in inside]
    assert {e.chapter for item in found.items for e in item.evidence} == inside
    assert found.chapters == len(inside) and found.places >= found.asked == len(asked)


@pytest.mark.usefixtures("adapted")
def test_a_scope_outside_the_book_is_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidQuestion, match="chapters 1 to 3"):
        ask(shelf, Scope(chapter=4))


@pytest.mark.usefixtures("adapted")
def test_items_and_their_evidence_are_in_the_order_of_the_document(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    found = ask(shelf)
    assert len(found.items) > 1
    firsts = [item.evidence[0].start for item in found.items]
    assert firsts == sorted(firsts)
    text = library.store.text(document.reading.text_id).text
    for item in found.items:
        starts = [e.start for e in item.evidence]
        assert starts == sorted(set(starts)) and item.count == len(starts)
        for evidence in item.evidence:
            assert text[evidence.start : evidence.end] == evidence.text
            segment = library.store.some_segments(document.reading, [evidence.segment])
            assert segment[evidence.segment].chapter == evidence.chapter


@pytest.mark.usefixtures("adapted")
def test_what_is_left_of_a_segment_is_asked_too(shelf: Shelf) -> None:
    """A random model answers from everything: each sentence is a place, and none twice."""
    found = ask(shelf)
    places = [e for item in found.items for e in item.evidence]
    assert len(places) > found.asked
    assert len({e.start for e in places}) == len(places)


@pytest.mark.usefixtures("adapted")
def test_nothing_is_listed_of_which_both_looks_together_are_not_sure(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.answering.thorough.WEAK", 1.01)
    found = ask(shelf)
    assert (found.items, found.answer.answer) == ([], NOT_FOUND)
    assert found.guessed and found.answer.confidence_word == "guess"


@pytest.mark.usefixtures("adapted")
def test_batches_give_the_same_as_one_by_one(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    together = ask(shelf).to_dict()["items"]
    monkeypatch.setattr("app.answering.thorough.ROWS", 1)
    assert ask(shelf).to_dict()["items"] == together


@pytest.mark.usefixtures("adapted")
def test_each_row_of_a_batch_is_as_sure_as_alone(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    memory = library.memory_of(document)
    assert memory.opens == "windows"
    abstention = library.engine.abstention_of(memory)
    assert abstention is not None
    slots = StateReader(library.store).slots(document, memory, [0, 1, 2])
    prompt = build_prompt(library.backbone.tokenizer, QUESTION).tokens
    batch = answerabilities(memory.recall(slots, torch.zeros(3)), prompt, abstention)
    alone = [
        answerabilities(memory.recall({n: slots[n]}, torch.zeros(1)), prompt, abstention)[0]
        for n in slots
    ]
    assert batch == pytest.approx(alone, abs=1e-5 if DTYPE is torch.float32 else 2e-2)
    assert len(set(alone)) == 3


@pytest.mark.usefixtures("adapted")
def test_progress_counts_segments_and_stopping_stops(
    shelf: Shelf, batches: list[list[int]]
) -> None:
    seen: list[tuple[int, int]] = []
    ask(shelf, on_progress=lambda done, total: seen.append((done, total)))
    count = len(chapters_of(shelf))
    assert seen[0] == (0, count) and seen[-1] == (count, count)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)

    def stop(done: int, _: int) -> None:
        if done >= ROWS:
            raise Stopped

    batches.clear()
    with pytest.raises(Stopped):
        ask(shelf, on_progress=stop)
    assert batches == [list(range(ROWS))]


@pytest.mark.usefixtures("adapted")
def test_stopping_ends_an_answer_at_the_next_token(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[int] = []

    def counted(*given: Any) -> Iterator[int]:
        for token in generate(*given):
            said.append(token)
            yield token

    def stop(*_: int) -> None:
        if len(said) == 2:
            raise Stopped

    monkeypatch.setattr("app.answering.thorough.POSSIBLE", 0.0)
    monkeypatch.setattr("app.answering.thorough.WEAK", 0.0)
    monkeypatch.setattr("app.answering.thorough.generate", counted)
    with pytest.raises(Stopped):
        ask(shelf, on_progress=stop)
    assert len(said) == 2


@pytest.mark.usefixtures("adapted")
@pytest.mark.parametrize("kind", ["infini-linear", "infini-delta", "melodi"])
def test_a_memory_without_segments_says_which_memory_can(shelf: Shelf, kind: str) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    with pytest.raises(InvalidQuestion, match=r"page by page; read .* the adaptive memory"):
        library.ask_thoroughly(document.id, QUESTION)


def test_without_an_answer_adapter_it_is_refused(shelf: Shelf) -> None:
    with pytest.raises(InvalidQuestion, match="needs an answer adapter"):
        ask(shelf)


def place(answer: str, start: int, support: float = 0.95) -> Place:
    evidence = Evidence(answer, start, start + 1, start, 1, 1, 1, "1", "1", 0.5)
    return Place(answer, support, evidence)


def test_equal_answers_are_one_item_at_the_first_place() -> None:
    places = [place("The Mill.", 7), place("An inn", 5), place("mill", 3), place("Inn!", 9)]
    items = joined_items([*places, place("Harbour", 4)])
    assert [(i.answer, i.count) for i in items] == [("mill", 2), ("Harbour", 1), ("An inn", 2)]
    assert [[e.start for e in i.evidence] for i in items] == [[3, 7], [4], [5, 9]]


def test_the_short_answer_counts_and_names_the_items() -> None:
    items = joined_items([place("Mill", 1), place("mill", 2), place("Inn", 3)])
    assert told(items, sure=True) == "Found 2 answers in 3 places: Mill (2), Inn."
    assert told(items[1:], sure=True) == "Found 1 answer in 1 place: Inn."
    assert told(items, sure=False).startswith("I found nothing certain, but guess 2 answers")
    assert told([], sure=False) == NOT_FOUND
    many = [Item(str(n), 1, []) for n in range(NAMED + 3)]
    assert told(many, sure=True).endswith(f"{NAMED - 1} and 3 more.")


@pytest.mark.usefixtures("adapted")
def test_where_nothing_is_strong_all_is_guessed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sure = ask(shelf)
    assert not sure.guessed and sure.answer.answer.startswith("Found")
    monkeypatch.setattr("app.answering.items.STRONG", 1.01)
    guess = ask(shelf)
    assert guess.guessed and guess.answer.confidence_word == "guess"
    assert guess.items == sure.items
    assert guess.answer.answer.startswith("I found nothing certain")


@pytest.mark.usefixtures("adapted")
def test_json_is_that_of_an_answer_with_the_items(shelf: Shelf) -> None:
    found = ask(shelf)
    value = json.loads(json.dumps(found.to_dict()))
    assert list(value) == [*(f.name for f in fields(Answer)), "items"]
    assert all(item.keys() == {"answer", "count", "evidence"} for item in value["items"])
    assert value["items"][0]["evidence"][0] == asdict(found.items[0].evidence[0])
    untimed = replace(found.answer, seconds=0.0, first_token_seconds=0.0)
    again = replace(ask(shelf).answer, seconds=0.0, first_token_seconds=0.0)
    assert untimed == again


@pytest.fixture
def known(tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A novel read by the command line, its answer adapter pretended."""
    for name, value in {"window": "32", "keep_ratio": "0.25", "answer_tokens": "4"}.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)
    monkeypatch.setenv("BOOKSTATE_BACKBONE", str(tiny_backbone))
    file = tmp_path / "novel.md"
    file.write_bytes(novel(sentences=2))
    result = CliRunner().invoke(app, ["ingest", str(file), "--json"])
    yield str(json.loads(result.stdout)["id"])


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


@pytest.mark.usefixtures("adapted")
def test_the_command_prints_json_or_lines(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run("ask", known, QUESTION, "--thorough", "--chapter", "2", "--json")
    assert result.exit_code == 0, result.stderr
    value = json.loads(result.stdout)
    assert value["items"] and all(
        e["chapter"] == 2 for item in value["items"] for e in item["evidence"]
    )
    plain = run("ask", known, QUESTION, "--thorough", "--chapter", "2")
    lines = plain.stdout.splitlines()
    assert lines[0] == value["answer"]
    assert len(lines) - 1 == sum(item["count"] for item in value["items"])
    assert "in 1 chapters" in plain.stderr and "segments asked" in plain.stderr
    monkeypatch.setattr("app.answering.items.STRONG", 1.01)
    guessed = run("ask", known, QUESTION, "--thorough", "--chapter", "2").stdout.splitlines()
    assert all("(guess), p. " in line for line in guessed[1:])


def refusal(arguments: Sequence[str], code: int) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    return str(result.stderr)


def test_the_command_refuses(known: str, tmp_path: Path) -> None:
    assert "answer adapter" in refusal(["ask", known, QUESTION, "--thorough"], 1)
    questions = tmp_path / "questions.jsonl"
    questions.write_text('{"question": "Who?"}\n', "utf-8")
    file = ["ask", known, "--questions", str(questions), "--thorough"]
    assert "one QUESTION" in refusal(file, 2)
