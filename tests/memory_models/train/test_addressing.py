"""The addresser learns which tokens of a question say where to look."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memory_models import backbone as backbones
from memory_models.address import AddressBook
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.evaluate.data import Question, Record
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.addresser import Addresser
from memory_models.train.addressing import (
    AddressingPlan,
    Example,
    draw_places,
    fit_addresser,
    judge,
    observe_question,
    observe_window,
)

HEADS = ((1, 0), (2, 1))
TELLING = 1  # which of a question's tokens finds its window


@pytest.fixture(scope="module")
def memory(tiny_backbone: Path) -> AdaptiveMemory:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    return AdaptiveMemory(loaded, AdaptiveConfig(HEADS, 48))


def made_up(memory: AdaptiveMemory, count: int, windows: int = 24) -> list[Example]:
    """Questions of four tokens; one finds the right window, the others find any."""
    generator = torch.Generator().manual_seed(0)
    width, T = memory.backbone.config.hidden_size, 4
    signs = torch.randn(T, width, generator=generator)
    examples = []
    for number in range(count):
        place = number % windows
        matches = 6 * torch.randn(len(HEADS), windows, T, generator=generator)
        matches[:, :, TELLING] /= 6
        matches[:, place, TELLING] += 6
        noise = 0.1 * torch.randn(len(HEADS), T, width, generator=generator)
        others = torch.arange(windows) != place
        examples.append(Example(place, matches, signs + noise, others))
    return examples


def test_the_telling_token_is_learned_and_held_out_windows_are_found(
    memory: AdaptiveMemory,
) -> None:
    examples = made_up(memory, 48)
    plan = AddressingPlan(steps=16, learning_rate=3e-2)
    weights, trained, untrained = fit_addresser(memory, examples, plan)
    assert trained.questions == untrained.questions == 6 and trained.windows == 24
    assert trained.recall_at_1 > untrained.recall_at_1 + 0.2
    addresser = Addresser.from_weights(HEADS, memory.backbone.config.hidden_size, weights)
    shares = addresser.token_weights(examples[7].seen)
    assert torch.allclose(shares.sum(1), torch.ones(len(HEADS)))
    assert bool((shares.argmax(1) == TELLING).all())


def test_scores_equal_the_literal_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    addresser = Addresser(HEADS, 6).double().requires_grad_(False)
    addresser.tokens.copy_(torch.randn(2, 6, generator=generator))
    addresser.mix.copy_(torch.tensor([0.5, -1.5]))
    matches = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    seen = torch.randn(2, 3, 6, generator=generator).double()
    expected = [0.0] * 5
    for h in range(2):
        raw = [math.exp(float(addresser.tokens[h] @ seen[h, t])) for t in range(3)]
        shares = [value / sum(raw) for value in raw]
        per_window = [sum(shares[t] * float(matches[h, w, t]) for t in range(3)) for w in range(5)]
        mean = sum(per_window) / 5
        deviation = math.sqrt(sum((x - mean) ** 2 for x in per_window) / 5)
        for w in range(5):
            expected[w] += float(addresser.mix[h]) * (per_window[w] - mean) / deviation
    assert torch.allclose(addresser(matches, seen), torch.tensor(expected).double(), atol=1e-5)


def test_fitting_twice_gives_the_same_bits(memory: AdaptiveMemory) -> None:
    examples = made_up(memory, 16)
    plan = AddressingPlan(steps=2)
    first, again = (fit_addresser(memory, examples, plan)[0] for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def a_record(number: int) -> Record:
    text = f"The keeper number {number} found the lamp. " * 4
    inside = Question("What was found?", ("the lamp",), (0, 30))
    nowhere = Question("What was lost?", ("the key",), None)
    return Record(f"r{number}", "", "train", text, (inside, nowhere))


def halves(text: str) -> list[tuple[int, int]]:
    return [(0, len(text) // 2), (len(text) // 2, len(text))]


def test_places_are_windows_that_answer_a_question() -> None:
    places = list(draw_places([[a_record(n) for n in range(6)]], halves, 6, 3, seed=1))
    assert {p.record for p in places} == {f"r{n}" for n in range(6)}
    assert all([q.question for q in p.questions] == ["What was found?"] for p in places)
    assert all(p.text.startswith("The keeper") for p in places)
    with pytest.raises(InvalidRequest, match="2 of 3 windows"):
        list(draw_places([[a_record(0), a_record(1)]], halves, 3, 3, seed=1))
    silent = replace(a_record(0), questions=())
    with pytest.raises(InvalidRequest, match="no record"):
        list(draw_places([[silent]], halves, 1, 1, seed=1))


def test_what_is_observed_is_what_choosing_sees(memory: AdaptiveMemory) -> None:
    places = list(draw_places([[a_record(n) for n in range(4)]], halves, 4, 1, seed=1))
    bundles = [(n, observe_window(memory, p.text)) for n, p in enumerate(places)]
    tokens = torch.tensor(memory.backbone.tokenizer.encode(places[0].text)[:48])
    written = memory.write(tokens, {}).left["address"]
    assert all(torch.equal(written[name], bundles[0][1][name]) for name in written)
    book = AddressBook.from_bundles(bundles)
    example = observe_question(memory, "What was found?", 2, book, places)
    assert example.others.tolist() == [p.record != places[2].record for p in places]
    plain = Addresser(HEADS, memory.backbone.config.hidden_size)
    scores = plain(example.matches, example.seen)
    query = memory.backbone.tokenizer.encode("Question: What was found?")
    chosen = memory.choose(memory.rank(query, book, torch.arange(4)), 4)
    assert chosen.segments == tuple(scores.argsort(descending=True).tolist())
    assert judge(plain, [example]).questions == 1


def test_an_addresser_is_used_for_its_own_heads_alone(memory: AdaptiveMemory) -> None:
    width = memory.backbone.config.hidden_size
    own, other = Addresser(HEADS, width), Addresser(((0, 0),), width)
    made = [
        AdaptiveMemory(memory.backbone, memory.config, addresser=given) for given in (own, other)
    ]
    assert made[0].addresser is own and made[1].addresser is None


def test_what_does_not_fit_is_refused(memory: AdaptiveMemory) -> None:
    with pytest.raises(BrokenCheckpoint, match="train it again"):
        Addresser.from_weights(HEADS, 8, {"tokens": torch.zeros(2, 9), "mix": torch.ones(2)})
    with pytest.raises(InvalidRequest, match="too few"):
        fit_addresser(memory, made_up(memory, 3), AddressingPlan())
    with pytest.raises(InvalidRequest, match="steps"):
        AddressingPlan(steps=0)
