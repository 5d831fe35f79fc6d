"""The training loop: seeded, checkpointed, resumable; the same on CPU cores and on one GPU.

A run has a folder: `run.pt` (learned weights, optimizer, counters), `log.jsonl` (a line for every
step and every validation), plots of it, and `best.safetensors` (the weights that validated best,
with their score). A stopped run continues from `run.pt`. Wherever it was stopped, its last weights
are validated once, and only better ones replace the best. The learning rate warms up, stays, and
falls linearly over the last fifth of the budget; until then a run can be given more budget.

Started by `accelerate launch` or `torchrun`, processes share the units of every step and add up
their gradients. On CPU cores, one process with one thread a core is faster than one process with
many threads.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from accelerate import Accelerator  # type: ignore[import-untyped]
from accelerate.utils import broadcast  # type: ignore[import-untyped]
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lab.train.budget import Budget
from lab.train.curves import write_curves


class UnitResult(NamedTuple):
    """What one unit contributes."""

    loss: Tensor  # summed
    weight: int  # what the sum is divided by, over the step
    tokens: int
    watched: dict[str, float]  # summed figures, for the log


@dataclass
class Progress:
    """Counters that a resumed run continues."""

    step: int = 0
    units: int = 0
    tokens: int = 0
    best: float = float("-inf")
    judged: int = -1  # the step whose weights were validated last


Unit = Callable[[], UnitResult]
"""Computes a unit's loss when called, so that its graph lives no longer than its backward pass."""


def train(
    learned: nn.Module,
    units: Callable[[int], Iterator[Unit]],
    budget: Budget,
    folder: Path,
    validate: Callable[[], dict[str, float]],
    on_step: Callable[[int, int, float], None] = lambda done, total, loss: None,
    faster: Mapping[str, float] = MappingProxyType({}),
) -> Progress:
    """Train the parameters of `learned` that require gradients; returns the final counters.

    units(n) continues after the first n units; validate() gives figures, the best `score` is kept;
    on_step gets the tokens done, the budget's tokens and the mean loss; faster: parameters that
    learn at a multiple of the rate, without weight decay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    weights = {name: p for name, p in learned.named_parameters() if p.requires_grad}
    optimizer = accelerator.prepare(
        torch.optim.AdamW(_groups(weights, faster), budget.learning_rate, (0.9, 0.98))
    )
    progress = _resume(folder, weights, optimizer)
    for parameter in weights.values():
        broadcast(parameter.data)
    each = budget.units_each(accelerator.num_processes)
    stream = itertools.islice(
        units(progress.units), accelerator.process_index, None, accelerator.num_processes
    )
    saved = validated = time.monotonic()
    while progress.tokens < budget.tokens:
        started = time.monotonic()
        rate = budget.rate(progress.step, progress.tokens)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["times"]
        line = _step(accelerator, weights, optimizer, stream, each, progress)
        progress.units += budget.accumulate
        line |= {"rate": rate, "seconds": time.monotonic() - started}
        if accelerator.is_main_process:
            _log(folder, line)
        on_step(progress.tokens, budget.tokens, line["loss"] / max(1.0, line["weight"]))
        now = time.monotonic()
        done = progress.tokens >= budget.tokens
        if accelerator.is_main_process and (done or now - saved > budget.checkpoint_seconds):
            _save(folder, weights, optimizer, progress)
            saved = time.monotonic()
        if accelerator.is_main_process and not done and now - validated > budget.validate_seconds:
            _validate(folder, weights, validate, progress)
            _save(folder, weights, optimizer, progress)
            saved = validated = time.monotonic()
    if accelerator.is_main_process and progress.judged < progress.step:
        _validate(folder, weights, validate, progress)
        _save(folder, weights, optimizer, progress)
    accelerator.wait_for_everyone()
    return progress


def _groups(weights: dict[str, nn.Parameter], faster: Mapping[str, float]) -> list[dict[str, Any]]:
    """One group of all but the faster parameters, in their order, then one for each of those."""
    usual = [p for name, p in weights.items() if name not in faster]
    groups = [{"params": usual, "weight_decay": 0.01, "times": 1.0}]
    for name, times in faster.items():
        groups.append({"params": [weights[name]], "weight_decay": 0.0, "times": times})
    return groups


def _step(
    accelerator: Accelerator,
    weights: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    stream: Iterator[Unit],
    accumulate: int,
    progress: Progress,
) -> dict[str, float]:
    total: dict[str, float] = {"loss": 0.0, "weight": 0.0, "tokens": 0.0}
    for _ in range(accumulate):
        result = next(stream)()
        accelerator.backward(result.loss)
        total["loss"] += float(result.loss.detach())
        total["weight"] += result.weight
        total["tokens"] += result.tokens
        for name, value in result.watched.items():
            total[name] = total.get(name, 0.0) + value
    names = sorted(total)
    sums = accelerator.reduce(torch.tensor([total[name] for name in names]), "sum")
    total = dict(zip(names, sums.tolist(), strict=True))
    for parameter in weights.values():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        parameter.grad = accelerator.reduce(parameter.grad, "sum") / max(1.0, total["weight"])
    accelerator.clip_grad_norm_(weights.values(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    progress.step += 1
    progress.tokens += int(total["tokens"])
    return {**total, "step": progress.step, "total_tokens": progress.tokens}


def _log(folder: Path, line: dict[str, float]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({k: round(v, 5) for k, v in line.items()}) + "\n")


def _validate(
    folder: Path,
    weights: dict[str, nn.Parameter],
    validate: Callable[[], dict[str, float]],
    progress: Progress,
) -> None:
    figures = validate()
    _log(folder, {"step": progress.step, "total_tokens": progress.tokens, **figures})
    if figures["score"] > progress.best:
        progress.best = figures["score"]
        kept = {name: p.detach().cpu().contiguous() for name, p in weights.items()}
        save_file(kept, folder / "best.part", metadata={"score": repr(progress.best)})
        (folder / "best.part").replace(folder / "best.safetensors")
    progress.judged = progress.step
    write_curves(folder)


def _save(
    folder: Path,
    weights: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    body = {
        "weights": {name: p.detach() for name, p in weights.items()},
        "optimizer": optimizer.state_dict(),
        "progress": vars(progress),
    }
    torch.save(body, folder / "run.part")
    (folder / "run.part").replace(folder / "run.pt")


def _resume(
    folder: Path, weights: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> Progress:
    file = folder / "run.pt"
    if not file.is_file():
        return Progress()
    body = torch.load(file, weights_only=True)
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(body["weights"][name])
    for group in body["optimizer"]["param_groups"]:
        group.setdefault("times", 1.0)  # runs from before there were faster parameters
    optimizer.load_state_dict(body["optimizer"])
    progress = Progress(**body["progress"])
    best = folder / "best.safetensors"
    if not best.is_file():
        progress.best, progress.judged = Progress.best, Progress.judged
    else:  # it may be newer than run.pt
        with safe_open(best, framework="pt") as kept:
            known = (kept.metadata() or {}).get("score", "-inf")
        progress.best = max(progress.best, float(known))
    return progress
