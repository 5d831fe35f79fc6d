"""Asking: all memories end to end, sources, scopes, determinism, and what reaches the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from novels import KINDS, QUESTION, Shelf

from app.answering.answers import NOT_SUPPORTED, Answer
from app.answering.confidence import Confidence
from app.errors import InvalidQuestion
from app.state_reader import Scope
from memory_models.errors import ModelError
from memory_models.generate import Trace
from memory_models.memories.slot_reading import SlotReading


def ask(shelf: Shelf, kind: str, question: str = QUESTION, scope: Scope = Scope()) -> Answer:  # noqa: B008
    library, document = shelf.libraries[kind], shelf.documents[kind]
    stream = library.ask(document.id, question, scope)
    pieces = list(stream)
    answer = library.answer(document.id, stream)
    assert len(pieces) > 1
    assert "".join(pieces).strip() == answer.answer
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_every_memory_answers_the_same_twice(shelf: Shelf, kind: str) -> None:
    first, second = ask(shelf, kind), ask(shelf, kind)
    assert first.answer and 0 <= first.confidence <= 1
    assert 0 < first.first_token_seconds <= first.seconds
    untimed = {"seconds": 0.0, "first_token_seconds": 0.0}
    assert replace(first, **untimed) == replace(second, **untimed)


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_decides_the_answer(shelf: Shelf, kind: str) -> None:
    """The first chapter alone and the whole book are different memories."""
    whole, part = ask(shelf, kind), ask(shelf, kind, scope=Scope(as_of_chapter=1))
    assert (whole.answer, whole.confidence) != (part.answer, part.confidence)


@pytest.mark.parametrize("kind", ["adaptive", "melodi"])
def test_sources_are_the_heaviest_stored_segments(shelf: Shelf, kind: str) -> None:
    answer = ask(shelf, kind)
    stored = shelf.libraries[kind].store.segments(shelf.documents[kind].reading)
    assert len(answer.sources) == 4  # the windows that one question may address
    everywhere = sum(s.weight for s in answer.sources)
    if kind == "adaptive":
        assert everywhere == pytest.approx(1, abs=1e-3)
    else:  # its queue holds every window of the book
        assert len(stored) > 4 and 0 < everywhere < 1
    assert [s.weight for s in answer.sources] == sorted(
        (s.weight for s in answer.sources), reverse=True
    )
    for source in answer.sources:
        segment = stored[source.segment]
        assert source.text == segment.text
        assert (source.chapter, source.page_first) == (segment.chapter, segment.page_first)
        assert source.label_first


@pytest.mark.parametrize(
    ("scope", "inside"),
    [
        (Scope(chapter=2), {2}),
        (Scope(as_of_chapter=1), {1}),
        (Scope(as_of_chapter=2), {1, 2}),
        (Scope(chapter=1, as_of_chapter=2), {1}),
    ],
)
def test_only_segments_inside_the_scope_are_sources(
    shelf: Shelf, scope: Scope, inside: set[int]
) -> None:
    answer = ask(shelf, "adaptive", scope=scope)
    assert answer.sources
    assert {s.chapter for s in answer.sources} <= inside


@pytest.mark.parametrize(
    ("kind", "alone"),
    [("adaptive", True), ("infini-linear", True), ("infini-delta", False), ("melodi", False)],
)
def test_what_is_more_than_the_chapter_asked_is_noted(shelf: Shelf, kind: str, alone: bool) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    note = library.ask(document.id, QUESTION, Scope(chapter=3)).note
    assert note == "" if alone else "chapters 1 to 3 together" in note
    for scope in (Scope(), Scope(chapter=1), Scope(as_of_chapter=3)):
        assert library.ask(document.id, QUESTION, scope).note == ""


def test_as_of_chapter_is_kept_by_melodi(shelf: Shelf) -> None:
    answer = ask(shelf, "melodi", scope=Scope(as_of_chapter=2))
    assert {s.chapter for s in answer.sources} == {1, 2}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (Scope(chapter=4), "chapters 1 to 3"),
        (Scope(chapter=0), "chapters 1 to 3"),
        (Scope(as_of_chapter=-1), "chapters 1 to 3"),
        (Scope(chapter=3, as_of_chapter=2), "Chapter 3 lies behind chapter 2"),
    ],
)
def test_a_scope_outside_the_book_is_refused(
    shelf: Shelf, kind: str, scope: Scope, reason: str
) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    with pytest.raises(InvalidQuestion, match=reason):
        list(library.ask(document.id, QUESTION, scope))


@pytest.mark.parametrize(
    ("question", "reason"), [("  \n", "empty"), ("key " * 600, "limit is 512")]
)
def test_a_question_without_words_or_with_too_many_is_refused(
    shelf: Shelf, question: str, reason: str
) -> None:
    with pytest.raises((InvalidQuestion, ModelError), match=reason):
        shelf.libraries["adaptive"].ask(shelf.documents["adaptive"].id, question)


def test_an_answer_that_the_state_does_not_support_says_so(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    sure = library.engine
    confidence = Confidence(bias=-9, threshold=0.5)
    library.engine = sure.changed(replace(sure.calibration, confidence=confidence))
    try:
        stream = library.ask(document.id, QUESTION)
        said = "".join(stream).strip()
        answer = library.answer(document.id, stream)
    finally:
        library.engine = sure
    assert not answer.supported
    assert (answer.answer, answer.notice) == (said, NOT_SUPPORTED)
    assert (answer.confidence_word, answer.hedged) == ("guess", f"Perhaps: {said}")


def test_an_answer_can_be_stopped(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    stream = library.ask(document.id, QUESTION)
    pieces = iter(stream)
    first = next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    answer = library.answer(document.id, stream)
    assert answer.answer == first.strip()
    assert sum(s.weight for s in answer.sources) == pytest.approx(1, abs=1e-3)


def test_what_was_streamed_is_the_answer_when_it_ends_in_half_a_character(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    half = library.backbone.tokenizer.encode("Caf\u00e9")[:-1]

    def say_half(_: object, __: object, ___: object, trace: Trace) -> Iterator[int]:
        for token in half:
            trace.tokens.append(token)
            trace.log_probs.append(0.0)
            trace.off_log_probs.append(0.0)
            yield token

    monkeypatch.setattr("app.answering.answers.generate", say_half)
    stream = library.ask(document.id, QUESTION)
    said = "".join(stream)
    assert library.answer(document.id, stream).answer == said


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_of_the_book_is_tokenised_to_answer(
    shelf: Shelf, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    vocabulary = library.backbone.tokenizer.vocabulary
    encode, encoded = vocabulary.encode, []

    def spy(text: str) -> list[int]:
        encoded.append(text)
        return encode(text)

    monkeypatch.setattr(vocabulary, "encode", spy)
    stream = library.ask(document.id, "Say something.")
    list(stream)
    library.answer(document.id, stream)
    assert any("Say something." in text for text in encoded)
    sentences = {
        sentence.strip()
        for segment in library.store.segments(document.reading)
        for sentence in segment.text.split(".")
        if len(sentence.strip()) > 8
    }
    assert len(sentences) > 10
    assert [t for t in encoded for sentence in sentences if sentence in t] == []


def test_the_attention_of_every_step_is_counted_once(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the prompt and of each token that was fed, the last one included."""
    events: list[str] = []
    step, attended = SlotReading.step, SlotReading.attended

    def watched_step(self: SlotReading, tokens: torch.Tensor, last: int) -> torch.Tensor:
        events.append("step")
        return step(self, tokens, last)

    def watched_look(self: SlotReading, weights: Sequence[float]) -> dict[int, float]:
        events.append("look")
        return attended(self, weights)

    monkeypatch.setattr(SlotReading, "step", watched_step)
    monkeypatch.setattr(SlotReading, "attended", watched_look)
    stream = shelf.libraries["adaptive"].ask(shelf.documents["adaptive"].id, QUESTION)
    list(stream)
    assert len(stream.trace.tokens) > 1
    assert events == ["step", "look"] * (1 + len(stream.trace.tokens))
