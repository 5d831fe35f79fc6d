"""Evidence: which sentences the state points at, and the second look at the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from novels import QUESTION, Shelf
from torch import Tensor

from app.answering.confidence import Looks
from app.answering.evidence import MOST, OpenedText, Sentence, joined, rank_sentences
from app.answering.places import placed
from app.library import Library
from app.trained import AdaptedDecoder, TrainedParts
from memory_models.decoder import Decoder
from memory_models.generate import Mixture
from memory_models.memories.slot_reading import SlotReading
from memory_models.memory import Span

TEXT = "The lamp is green. Mara hid the key in the harbour.\n\nTobias sold the boat."


def sentences_of(shelf: Shelf, mass: Tensor, question: str = "?") -> list[Sentence]:
    tokenizer = shelf.libraries["adaptive"].backbone.tokenizer
    texts = [OpenedText(3, 100, TEXT)]
    return rank_sentences(question, texts, {3: mass}, tokenizer)


def text_of(sentence: Sentence) -> str:
    return TEXT[sentence.start : sentence.end].strip()


def test_sentences_partition_the_tokens_and_the_text(shelf: Shelf) -> None:
    tokenizer = shelf.libraries["adaptive"].backbone.tokenizer
    found = sorted(sentences_of(shelf, torch.ones(200)), key=lambda s: s.start)
    assert [text_of(s) for s in found] == [
        "The lamp is green.",
        "Mara hid the key in the harbour.",
        "Tobias sold the boat.",
    ]
    assert found[0].first == 0 and found[-1].last == tokenizer.count(TEXT)
    assert all(a.last == b.first for a, b in pairwise(found))
    assert sum(s.weight for s in found) == pytest.approx(1)


def test_attention_finds_a_sentence_without_any_of_its_words(shelf: Shelf) -> None:
    tokenizer = shelf.libraries["adaptive"].backbone.tokenizer
    offsets = tokenizer.offsets(TEXT)
    mass = torch.zeros(200)
    mass[[n for n, (start, _) in enumerate(offsets) if start > TEXT.index("Tobias")]] = 1.0
    assert text_of(sentences_of(shelf, mass, "Who?")[0]) == "Tobias sold the boat."


def test_words_find_a_sentence_without_any_attention(shelf: Shelf) -> None:
    found = sentences_of(shelf, torch.zeros(200), "Which key?")
    assert text_of(found[0]) == "Mara hid the key in the harbour."


def test_adjacent_sentences_are_joined() -> None:
    def one(n: int, weight: float, segment: int = 0) -> Sentence:
        return Sentence(segment, 10 * n, 10 * n + 10, 2 * n, 2 * n + 2, weight)

    ranked = [one(4, 0.3), one(1, 0.25), one(2, 0.2), one(0, 0.1, segment=1), one(9, 0.1)]
    found = joined([*ranked, one(7, 0.05)])
    assert [(s.segment, s.start, s.end, round(s.weight, 2)) for s in found] == [
        (0, 10, 30, 0.45),
        (0, 40, 50, 0.3),
        (0, 90, 100, 0.1),
        (1, 0, 10, 0.1),
    ]


def test_an_answer_shows_the_sentences_where_they_stand(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    stream = library.ask(document.id, QUESTION)
    list(stream)
    evidence = library.answer(document.id, stream).evidence
    text = library.store.text(document.reading.text_id).text
    assert 1 <= len(evidence) <= MOST
    assert [e.weight for e in evidence] == sorted((e.weight for e in evidence), reverse=True)
    for piece in evidence:
        assert piece.text == text[piece.start : piece.end] == piece.text.strip()
        segment = library.store.segments(document.reading, piece.segment, piece.segment + 1)[0]
        assert segment.start <= piece.start < piece.end <= segment.end
        assert piece.chapter == segment.chapter
        assert segment.page_first <= piece.page_first <= piece.page_last <= segment.page_last


@pytest.mark.parametrize("kind", ["infini-linear", "infini-delta", "melodi"])
def test_a_recurrent_memory_has_no_evidence(shelf: Shelf, kind: str) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    stream = library.ask(document.id, QUESTION)
    list(stream)
    assert library.answer(document.id, stream).evidence == []


@pytest.mark.parametrize("sure", [True, False])
def test_the_second_look_answers_where_it_is_sure_enough(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, sure: bool
) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    decoder = library.backbone.decoder
    monkeypatch.setattr(
        TrainedParts, "answers", lambda _: AdaptedDecoder("same", decoder, abstain_token=5)
    )
    looks: list[Mixture] = []
    spans: list[Span] = []
    prefill, focused = Mixture.prefill, SlotReading.focused

    def watched(self: Mixture, prompt: Sequence[int], question: slice) -> None:
        prefill(self, prompt, question)
        looks.append(self)
        if len(looks) == 2 and not sure:
            self.answerability = looks[0].answerability - Looks().less_sure - 0.01

    def watched_focus(
        self: SlotReading, *chosen: Span, prior: Tensor | None = None
    ) -> SlotReading | None:
        spans.extend(chosen)
        return focused(self, *chosen, prior=prior)

    monkeypatch.setattr(Mixture, "prefill", watched)
    monkeypatch.setattr(SlotReading, "focused", watched_focus)
    engine = library.engine
    confidence = replace(engine.calibration.confidence, abstain_below=0.0)
    library.engine = engine.changed(replace(engine.calibration, confidence=confidence))
    try:
        stream = library.ask(document.id, QUESTION)
        list(stream)
    finally:
        library.engine = engine
    best, margin = stream.sentences[0], Looks().margin
    assert spans == [Span(best.segment, max(0, best.first - margin), best.last + margin)]
    assert len(looks) == 2 and len(looks[1].log_weights) == 1
    rows = len(looks[1 if sure else 0].log_weights)
    assert len(stream.trace.weights) == rows


def test_several_spans_are_rows_that_see_one_each(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    memory = library.memory_of(document)
    assert memory.opens == "windows"
    slots = library.states.slots(document, memory, [0, 1])
    reading = memory.recall(slots, torch.zeros(2))
    prompt = torch.tensor(library.backbone.tokenizer.encode("who found the key"))
    spans = [Span(0, 4, 20), Span(1, 0, 9), Span(0, 18, 30)]
    prior = torch.tensor([0.5, -1.0, 0.0])
    together = reading.focused(*spans, prior=prior)
    assert together is not None and torch.equal(together.prior, prior)
    logits = together.step(prompt, 1)
    for row, span in enumerate(spans):
        alone = reading.focused(span)
        assert alone is not None
        assert torch.allclose(alone.step(prompt, 1)[0], logits[row], atol=0.05)
    mass = together.attended([0.2, 0.3, 0.5])
    assert set(mass) == {0, 1} and all(share > 0 for share in mass.values())
    pointed: Mapping[int, Tensor] = together.pointed([1.0, 0.0, 0.0])
    seen = pointed[0].nonzero().flatten().tolist()
    assert min(seen) >= 4 and max(seen) < 20 and not pointed[1].any()


def test_a_focused_reading_sees_nothing_but_its_span(shelf: Shelf) -> None:
    """Equal to a reading of the same slots with all others masked."""
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    memory = library.memory_of(document)
    assert memory.opens == "windows"
    slots = library.states.slots(document, memory, [0])
    reading = memory.recall(slots, torch.zeros(1))
    prompt = torch.tensor(library.backbone.tokenizer.encode("who found the key"))
    narrow, wide = reading.focused(Span(0, 4, 20)), reading.focused(Span(0, 0, 32))
    assert narrow is not None and wide is not None
    whole = reading.step(prompt, 1)
    assert torch.equal(wide.step(prompt, 1), whole)
    assert not torch.equal(narrow.step(prompt, 1)[0], whole[0])
    pointed: Mapping[int, Tensor] = narrow.pointed([1.0])
    seen = pointed[0].nonzero().flatten().tolist()
    assert seen and min(seen) >= 4 and max(seen) < 20
    nothing = reading.focused(Span(0, 40, 41))
    assert nothing is not None
    off = nothing.step(prompt, 1)
    assert torch.allclose(off[0], off[1], atol=1e-5)  # sees the sink alone, as memory off does


def test_memory_off_is_computed_once_for_both_looks(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]
    memory = library.memory_of(document)
    assert memory.opens == "windows"
    slots = library.states.slots(document, memory, [0, 1])
    prompt = torch.tensor(library.backbone.tokenizer.encode("who found the key"))
    more, span = torch.tensor([7]), Span(0, 4, 20)
    rows: list[int] = []
    hidden = Decoder.hidden

    def counted(self: Decoder, tokens: Tensor, *more: Any) -> Tensor:
        rows.append(tokens.shape[0])
        return hidden(self, tokens, *more)

    first = memory.recall(slots, torch.zeros(2))
    by_itself = first.focused(span)
    assert by_itself is not None
    expected = by_itself.step(prompt, 1), by_itself.step(more, 1)
    first.step(prompt, 1)
    shared, other_prompt = first.focused(span), first.focused(span)
    assert shared is not None and other_prompt is not None
    monkeypatch.setattr(Decoder, "hidden", counted)
    found = shared.step(prompt, 1), shared.step(more, 1)
    assert rows == [1, 2]
    near = 1e-4 if library.backbone.decoder.dtype == torch.float32 else 0.05
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and torch.allclose(one, other, atol=near)
    assert shared.attended([1.0]) == pytest.approx(by_itself.attended([1.0]), abs=1e-3)
    other_prompt.step(prompt.flip(0), 1)
    assert rows[-1] == 2


class TestHeadings:
    FIRST = "# The Lamp\n\n## Chapter 1. Mara\n\nMara.\n\nShe hid the key.\n\n"
    BOOK = f"{FIRST}# Two\n\nTwo gulls came."

    def placed(self, library: Library, *texts: str) -> list[str]:
        document = library.add(self.BOOK.encode(), "lamp.md").document
        segments = library.store.segments(document.reading)
        pieces = []
        for text in texts:
            at = self.BOOK.index(text)
            inside = next(s for s in segments if s.start <= at < s.end)
            start = at - inside.start
            pieces.append(Sentence(inside.number, start, start + len(text), 0, 1, 0.5, text))
        found = placed(library.store, document.reading, pieces)
        assert all(self.BOOK[e.start : e.end] == e.text for e in found)
        return [e.text for e in found]

    def test_are_not_quoted_with_what_follows(self, library: Library) -> None:
        assert self.placed(library, self.FIRST) == ["Mara.\n\nShe hid the key."]
        assert self.placed(library, "# Two\n\nTwo gulls came.") == ["Two gulls came."]
        assert self.placed(library, "She hid the key.") == ["She hid the key."]

    def test_stand_alone_only_where_nothing_else_does(self, library: Library) -> None:
        assert self.placed(library, "# Two", "She hid the key.") == ["She hid the key."]
        assert self.placed(library, "# Two") == ["# Two"]
