"""A second look sees one sentence's slots, as the product's second reading does."""

from __future__ import annotations

import random

import torch

from lab.train.answering.answer_adapter import branch_logits, pack_unit, write_window
from lab.train.answering.second_look import second_look
from lab.train.examples import Asked, Span, Unit, to_abstain, to_answer
from memory_models import memory
from memory_models.backbone import Backbone
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import build_prompt

WINDOW = 40
FIRST, SECOND = "The key was under the lamp.", "The cat slept in the mill by the river."
TEXT = f"{FIRST} {SECOND}"
OTHER = "Nobody came along the road."


def asked_of(text: str, window: int = 0) -> Span:
    start = (TEXT, OTHER)[window].index(text)
    return Span(start, start + len(text), window)


UNIT = Unit(
    (TEXT, OTHER),
    (
        to_answer("Where was the key?", "under the lamp", asked_of(FIRST)),
        to_answer("Who slept?", "the cat", asked_of(SECOND)),
        to_answer("Who came?", "nobody", asked_of(OTHER, 1)),
        to_answer("Where is it?", "somewhere in the text"),
        to_abstain("Who is the king?"),
    ),
)


def test_what_lies_elsewhere_is_not_answered(backbone: Backbone) -> None:
    offsets = backbone.tokenizer.offsets
    seen: dict[str, set[bool]] = {}
    for seed in range(60):
        look = second_look(UNIT, offsets, WINDOW, random.Random(seed))
        assert look is not None
        (text,) = look.unit.windows
        tokens = offsets(text)[look.visible.start : look.visible.stop]
        shown = text[tokens[0][0] : tokens[-1][1]]
        for asked in look.unit.asked:
            seen.setdefault(asked.question, set()).add(asked.abstained)
            if not asked.abstained:
                assert asked.answer.lower() in shown.lower()
        abstained = sum(a.abstained for a in look.unit.asked)
        assert abstained <= max(1, len(look.unit.asked) - abstained)
    assert seen["Where was the key?"] == {True, False}
    assert seen["Who is the king?"] == {True}
    assert "Where is it?" not in seen  # its place is not known


def test_a_unit_without_places_has_no_second_look(backbone: Backbone) -> None:
    unit = Unit((TEXT,), (Asked("Where?", "here"),))
    assert second_look(unit, backbone.tokenizer.offsets, WINDOW, random.Random(0)) is None


def test_branches_see_what_the_second_reading_shows(backbone: Backbone, gate: WriteGate) -> None:
    tokenizer = backbone.tokenizer
    ids = tokenizer.encode(TEXT)[:WINDOW]
    config = AdaptiveConfig(((1, 0),), WINDOW, 0.6, slot_bits=16, gate=gate.name)
    adaptive = AdaptiveMemory(backbone, config, gate)
    visible = range(3, 9)
    slate = write_window(backbone.decoder, gate, adaptive.sink, ids, 0.6, visible=visible)
    packed = pack_unit(tokenizer, Unit((TEXT,), UNIT.asked[:2]))
    with torch.no_grad():
        ours = branch_logits(backbone.decoder, slate, packed, adaptive.prompt_place)
    slots = adaptive.write(torch.tensor(ids), {}).left["slots"]
    at = 0
    for asked in UNIT.asked[:2]:
        reading = adaptive.recall({0: slots}, torch.zeros(1))
        focused = reading.focused(memory.Span(0, visible.start, visible.stop))
        assert focused is not None
        answer = [*tokenizer.encode(asked.answer), *sorted(tokenizer.chat.stops)[-1:]]
        prompt = build_prompt(tokenizer, asked.question)
        fed = torch.tensor([*prompt.tokens, *answer[:-1]])
        want = focused.step(fed, last=len(answer))[0]
        got = ours[at : at + len(answer)].float()
        assert torch.allclose(got, want, atol=0.04), (got - want).abs().max()  # bfloat16 slots
        at += len(answer)
