"""The packed training pass equals the product's reading; the loop resumes bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lab.train import loop
from lab.train.answering.answer_adapter import (
    KeepRatios,
    branch_logits,
    pack_branches,
    pack_unit,
    unit_loss,
    write_window,
    write_windows,
)
from lab.train.budget import Budget
from lab.train.examples import Asked, Unit
from lab.train.loop import Unit as Thunk
from lab.train.loop import UnitResult, train
from memory_models.adapter import LoraConfig, lora_weights, with_lora
from memory_models.backbone import Backbone
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import ABSTAINED, build_prompt

WINDOW = 40
TEXT = "The key was under the lamp in the cellar by the mill."
UNIT = Unit(
    (TEXT,),
    (
        Asked("Where was the key?", "Under the lamp"),
        Asked("Who found the boat behind the old church?", ABSTAINED, abstained=True),
        Asked("Where?", "By the mill"),
    ),
)


@pytest.mark.parametrize(("share", "windows"), [(1.0, 1), (0.3, 1), (0.3, 3)])
def test_every_branch_sees_what_the_product_shows_it(
    backbone: Backbone, gate: WriteGate, share: float, windows: int
) -> None:
    reader = with_lora(backbone.decoder, LoraConfig(2))
    with torch.no_grad():
        for value in lora_weights(reader).values():
            value.normal_(0, 0.1)
    tokenizer = backbone.tokenizer
    ids = tokenizer.encode(TEXT)[:WINDOW]
    config = AdaptiveConfig(((1, 0),), WINDOW, share, slot_bits=16, gate=gate.name)
    memory = AdaptiveMemory(backbone, config, gate, reader)
    texts = [ids[n:] for n in range(windows)]
    slate = write_windows(backbone.decoder, gate, memory.sink, texts, WINDOW, share)
    packed = pack_unit(tokenizer, UNIT)
    with torch.no_grad():
        logits = branch_logits(reader, slate, packed, memory.prompt_place)
    slots = {n: memory.write(torch.tensor(t), {}).left["slots"] for n, t in enumerate(texts)}
    at = 0
    for asked in UNIT.asked:
        prompt = build_prompt(tokenizer, asked.question)
        answer = [*tokenizer.encode(asked.answer), *sorted(tokenizer.chat.stops)[-1:]]
        reading = memory.recall(slots, torch.zeros(1), rows=[range(windows)])
        want = reading.step(torch.tensor([*prompt.tokens, *answer[:-1]]), last=len(answer))[0]
        ours = logits[at : at + len(answer)].float()
        assert packed.targets[at : at + len(answer)].tolist() == answer
        assert torch.allclose(ours, want, atol=0.04), (ours - want).abs().max()  # bfloat16 slots
        at += len(answer)
    assert at == len(packed.targets)


def test_branches_do_not_see_one_another(backbone: Backbone, gate: WriteGate) -> None:
    tokenizer, sink = backbone.tokenizer, list(backbone.tokenizer.chat.opening)
    ids = tokenizer.encode(TEXT)[:WINDOW]
    slate = write_window(backbone.decoder, gate, sink, ids, 0.5)
    alone = Unit(UNIT.windows, UNIT.asked[1:2])
    together = pack_unit(tokenizer, UNIT)
    with torch.no_grad():
        many = branch_logits(backbone.decoder, slate, together, 43)
        one = branch_logits(backbone.decoder, slate, pack_unit(tokenizer, alone), 43)
    first = int(together.first[1])
    assert torch.allclose(many[first : first + len(one)], one, atol=1e-9)


def test_first_tokens_weigh_most_and_branches_weigh_the_same() -> None:
    packed = pack_branches([1, 2], [([3, 4], [5]), ([6], [7, 8, 9])])
    assert packed.targets.tolist() == [5, 7, 8, 9]
    assert packed.weights.tolist() == pytest.approx([1.0, 0.6, 0.2, 0.2])
    assert packed.tokens.tolist() == [1, 2, 3, 4, 6, 7, 8]
    assert packed.places.tolist() == [0, 1, 2, 3, 2, 3, 4]
    assert packed.predicted_at.tolist() == [3, 4, 5, 6]


def test_only_the_adapter_gets_gradient_and_loss_falls(backbone: Backbone, gate: WriteGate) -> None:
    reader = with_lora(backbone.decoder, LoraConfig(4))
    tokenizer, sink = backbone.tokenizer, list(backbone.tokenizer.chat.opening)
    slate = write_window(backbone.decoder, gate, sink, tokenizer.encode(TEXT)[:WINDOW], 0.5)
    learned = list(lora_weights(reader).values())
    optimizer = torch.optim.AdamW(learned, 1e-2)
    losses = []
    for _ in range(12):
        result = unit_loss(reader, tokenizer, slate, UNIT, 43, abstain_token=0)
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        losses.append(float(result.loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
    assert result.branches == 3 and result.answerable == 2


def test_shares_are_drawn_between_their_bounds() -> None:
    import random

    rng = random.Random(0)
    drawn = [KeepRatios(0.1, 0.4, whole=0.25).draw(rng) for _ in range(400)]
    assert 60 < drawn.count(1.0) < 140
    assert all(0.1 <= share <= 0.4 for share in drawn if share < 1)
    with pytest.raises(InvalidRequest):
        KeepRatios(0.5, 0.1)


class Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(3))


def thunks(line: Line, stop: int | None) -> Iterator[Thunk]:
    def units(first: int) -> Iterator[Thunk]:
        number = first
        while True:
            if number == stop:
                raise KeyboardInterrupt
            x = torch.randn(3, generator=torch.Generator().manual_seed(number))

            def unit(x: torch.Tensor = x) -> UnitResult:
                return UnitResult(((line.slope * x).sum() - 1).square(), 1, 10, {"seen": 1.0})

            yield unit
            number += 1

    return units


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    budget = Budget(tokens=400, accumulate=2, learning_rate=0.05, warm_up=3, checkpoint_seconds=0)
    whole, broken = Line(), Line()
    train(whole, thunks(whole, None), budget, tmp_path / "a", lambda: {"score": 0.0})
    with pytest.raises(KeyboardInterrupt):
        train(broken, thunks(broken, 21), budget, tmp_path / "b", lambda: {"score": 0.0})
    resumed = Line()
    done = train(resumed, thunks(resumed, None), budget, tmp_path / "b", lambda: {"score": 0.0})
    assert done.tokens == 400 and done.step == 20
    assert torch.equal(whole.slope, resumed.slope) and whole.slope.abs().sum() > 0
    assert (tmp_path / "b" / "best.safetensors").is_file()


class Judge:
    """Validation by a list of scores that is killed before, or in, one of its calls."""

    def __init__(self, scores: list[float], killed_at: int | None = None) -> None:
        self.scores, self.killed_at, self.calls = scores, killed_at, 0

    def __call__(self) -> dict[str, float]:
        self.calls += 1
        if self.calls - 1 == self.killed_at:
            raise KeyboardInterrupt
        return {"score": self.scores[self.calls - 1]}


OFTEN = Budget(60, accumulate=2, learning_rate=0.05, checkpoint_seconds=1e9, validate_seconds=0)


def test_a_killed_run_remembers_its_best_and_nothing_worse_replaces_it(tmp_path: Path) -> None:
    line = Line()
    with pytest.raises(KeyboardInterrupt):
        train(line, thunks(line, 3), OFTEN, tmp_path, Judge([0.9]))
    best = load_file(tmp_path / "best.safetensors")["slope"]
    resumed = Line()
    done = train(resumed, thunks(resumed, None), OFTEN, tmp_path, Judge([0.5, 0.6]))
    assert done.best == 0.9 and not torch.equal(resumed.slope, best)
    assert torch.equal(load_file(tmp_path / "best.safetensors")["slope"], best)


def test_what_validated_best_is_known_though_the_run_was_not_saved_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, save = Line(), loop._save

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patch:
        early = replace(OFTEN, checkpoint_seconds=0)
        validate = Judge([0.9])
        patch.setattr(loop, "_save", lambda *a: killed() if validate.calls else save(*a))
        train(line, thunks(line, None), early, tmp_path, validate)
    resumed = Line()
    assert train(resumed, thunks(resumed, None), OFTEN, tmp_path, Judge([0.5, 0.4])).best == 0.9


@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_the_last_weights_are_judged_once_whenever_the_run_was_killed(
    tmp_path: Path, earlier: int
) -> None:
    """Killed in a validation; `earlier` is how many there were before it."""
    line = Line()
    scores = [0.1, 0.2, 0.3]
    with pytest.raises(KeyboardInterrupt):
        train(line, thunks(line, None), OFTEN, tmp_path, Judge(scores, killed_at=earlier))
    again, resumed = Judge([0.4, 0.5, 0.6]), Line()
    done = train(resumed, thunks(resumed, None), OFTEN, tmp_path, again)
    assert done.judged == done.step == 3
    assert torch.equal(load_file(tmp_path / "best.safetensors")["slope"], resumed.slope)
    last, finished = Judge([]), Line()
    train(finished, thunks(finished, None), OFTEN, tmp_path, last)
    assert last.calls == 0 and again.calls == 3 - earlier
    assert torch.equal(finished.slope, resumed.slope)


def test_runs_from_before_there_was_a_record_go_on(tmp_path: Path) -> None:
    line = Line()
    train(line, thunks(line, None), OFTEN, tmp_path, Judge([0.1, 0.2, 0.3]))
    body = torch.load(tmp_path / "run.pt", weights_only=True)
    del body["progress"]["judged"]
    torch.save(body, tmp_path / "run.pt")
    save_file({"slope": line.slope.detach()}, tmp_path / "best.safetensors")
    judge, resumed = Judge([0.3]), Line()
    done = train(resumed, thunks(resumed, None), OFTEN, tmp_path, judge)
    assert judge.calls == 1 and done.judged == 3


def test_the_rate_rises_stays_and_falls() -> None:
    budget = Budget(tokens=1000, learning_rate=1.0, warm_up=4)
    assert budget.rate(0, 0) == 0.25
    assert budget.rate(10, 500) == 1.0
    assert budget.rate(90, 900) == pytest.approx(0.5)
    with pytest.raises(InvalidRequest):
        replace(budget, tokens=0)
