"""One trainer for every system: streams of windows, truncated back-propagation, a checkpoint.

A step reads K windows of B rows one after another, adds up their losses and back-propagates through
all K. The state is then detached and carried into the next step. With `checkpointing` a window's
activations are computed again in the backward pass, so that K windows need the memory of one.

The papers train with Adafactor (0.01, falling to 0.001 by a cosine, 1,000 steps of warm-up) and 8
to 16 windows; that is the recipe of the `paper` size. At small sizes AdamW is used, at `mini` Muon
for matrices (orthogonalized momentum) and AdamW for the rest, which needs the fewest tokens. Gates
(Infini's beta, the others' mixing gates) have a separate learning rate, 0.01, and no weight decay:
at the rate of the weights they hardly move from where they start.

A killed run continues from its last checkpoint and ends with the same bits: the order of the books
follows from the seed, and nothing else is random.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Literal

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from lab.papers.data import Streams
from lab.papers.muon import Muon
from memory_models.backbone import best_dtype
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.papers.system import AnySystem, Read, rebuild, restart

CURVE_EVERY = 20  # steps
OPTIMIZERS = ("adamw", "adafactor", "muon")
GATES = ("gate", "beta")  # last part of a gate's parameter name


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a system is trained; the same for all systems of a size."""

    steps: int
    rows: int  # B
    windows: int  # K
    passage: int  # most windows of a book that a row reads before the next book
    optimizer: Literal["adamw", "adafactor", "muon"] = "adamw"
    rate: float = 3e-3
    muon_rate: float = 0.02  # of matrices, where the optimizer is muon
    last_rate: float = 0.1  # of `rate`, at the end of the cosine
    gate_rate: float = 0.01
    warmup: int = 50  # steps
    decay: float = 0.1
    clip: float = 1.0
    bfloat16: bool = True
    checkpointing: bool = False
    renamed: float = 0.0  # share of passages from books with invented names
    echoed: float = 0.0  # and of those in which, besides, passages come again (data.echoed)

    def __post_init__(self) -> None:
        for name in ("steps", "rows", "windows", "passage"):
            if getattr(self, name) < 1:
                raise InvalidRequest(f"A recipe's {name} is {getattr(self, name)}; use 1 or more.")
        if self.optimizer not in OPTIMIZERS:
            raise InvalidRequest(
                f"Optimizer {self.optimizer!r}; use one of {', '.join(OPTIMIZERS)}."
            )
        if min(self.renamed, self.echoed) < 0 or self.renamed + self.echoed > 1:
            raise InvalidRequest(
                f"Fractions of {self.renamed} renamed and {self.echoed} echoed passages; use 0 to "
                "1 together."
            )

    def factor(self, step: int) -> float:
        """Factor on every learning rate at a step: linear warm-up, then a cosine to `last_rate`."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.last_rate + (1 - self.last_rate) * (1 + math.cos(math.pi * done)) / 2


@dataclass(slots=True)
class Progress:
    """Where a run is."""

    step: int = 0
    seconds: float = 0.0  # of wall time
    busy: float = 0.0  # see `busy_seconds`
    curve: list[tuple[int, float]] = field(default_factory=list)  # (step, mean loss since the last)


def product_dtype(system: AnySystem, bfloat16: bool) -> torch.dtype:
    """The type of matrix products: bfloat16 where it is wanted and the device has it natively."""
    return best_dtype(system.decoder.device) if bfloat16 else torch.float32


@contextmanager
def precision(system: AnySystem, bfloat16: bool) -> Iterator[None]:
    """Autocast to `product_dtype`; on a CPU, attention whose backward pass is fast when small."""
    device = system.decoder.device.type
    autocast = product_dtype(system, bfloat16) is torch.bfloat16
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
        if device == "cpu" and torch.is_grad_enabled():
            with sdpa_kernel(SDPBackend.MATH):
                yield
        else:
            yield


def busy_seconds(system: AnySystem) -> float:
    """A clock to measure speed with: CPU time over all threads, or wall time with a GPU.

    CPU time hardly depends on other work of the machine.
    """
    return process_time() if system.decoder.device.type == "cpu" else perf_counter()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """logits [B,T,vocabulary], targets [B,T] -> nats [B,T], in float32."""
    B, T = targets.shape
    flat = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    return flat.view(B, T)


class Trainer:
    """A system, its optimizer and the state of its rows."""

    def __init__(self, system: AnySystem, streams: Streams, recipe: Recipe) -> None:
        if (streams.plan.rows, streams.plan.window) != (recipe.rows, system.window):
            raise InvalidRequest(
                f"Streams of {streams.plan.rows} rows and windows of {streams.plan.window}; the "
                f"recipe and the system need {recipe.rows} and {system.window}."
            )
        self.system, self.streams, self.recipe = system, streams, recipe
        self.progress = Progress()
        self.state = system.empty(recipe.rows)
        self.optimizers = _optimizers(system, recipe)
        self._losses: list[float] = []

    @property
    def tokens(self) -> int:
        """Tokens read so far."""
        r = self.recipe
        return self.progress.step * r.rows * r.windows * self.system.window

    def step(self) -> float:
        """One optimizer step; the mean cross-entropy of its tokens in nats."""
        wall, busy = perf_counter(), busy_seconds(self.system)
        loss = self._descend()
        self.progress.step += 1
        self.progress.seconds += perf_counter() - wall
        self.progress.busy += busy_seconds(self.system) - busy
        self._losses.append(loss)
        if self.progress.step % CURVE_EVERY == 0:
            mean = sum(self._losses) / len(self._losses)
            self.progress.curve.append((self.progress.step, round(mean, 4)))
            self._losses.clear()
        return loss

    def _descend(self) -> float:
        step, K = self.progress.step, self.recipe.windows
        device = self.system.decoder.device
        tokens, fresh = (t.to(device) for t in self.streams.windows(step * K, K))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["first_lr"] * self.recipe.factor(step)
        state = self.state.detach()
        nats, extra = torch.zeros((), device=device), torch.zeros((), device=device)
        for window, empty in zip(tokens, fresh, strict=True):
            state = restart(self.system, state, empty)
            loss, more, state = self._window(window, state)
            nats, extra = nats + loss, extra + more
        self.system.zero_grad(set_to_none=True)
        ((nats + extra) / K).backward()
        nn.utils.clip_grad_norm_(self.system.parameters(), self.recipe.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.state = state.detach()
        return float(nats.detach()) / K

    def _window(self, tokens: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """Loss, extra loss and next state of one window, tokens [B,W+1]."""

        def run(window: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
            with precision(self.system, self.recipe.bfloat16):
                read: Read = self.system.read(window[:, :-1], self.system.state_type(*parts))
            loss = cross_entropy(read.logits, window[:, 1:]).mean()
            return loss, read.extra, *read.state

        if self.recipe.checkpointing:
            loss, extra, *after = checkpoint(run, tokens, *state, use_reentrant=False)
        else:
            loss, extra, *after = run(tokens, *state)
        return loss, extra, self.system.state_type(*after)

    # Checkpoints

    def save(self, path: Path) -> None:
        """Write parameters, optimizer, state and progress; the file is complete or not written."""
        tensors = {f"model.{n}": p.detach() for n, p in self.system.named_parameters()}
        tensors |= {f"state.{n}": t.detach() for n, t in self.state._asdict().items()}
        for which, optimizer in enumerate(self.optimizers):
            for index, held in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{which}.{index}.{name}": t for name, t in held.items()}
        p = self.progress
        notes = {
            "step": p.step,
            "seconds": p.seconds,
            "busy": p.busy,
            "curve": p.curve,
            "losses": self._losses,
        }
        partial = path.with_suffix(".partial")
        contiguous = {name: t.cpu().contiguous() for name, t in tensors.items()}
        save_file(contiguous, partial, metadata={"progress": json.dumps(notes)})
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue where `save` was called."""
        with safe_open(path, framework="pt") as file:
            notes = json.loads(file.metadata()["progress"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        load_parameters(self.system, _under(tensors, "model."))
        state = rebuild(self.system, _under(tensors, "state."))
        self.state = self.system.state_type(*(t.to(self.system.decoder.device) for t in state))
        for which, optimizer in enumerate(self.optimizers):
            held: dict[int, dict[str, Tensor]] = {}
            for name, tensor in _under(tensors, f"optimizer.{which}.").items():
                index, key = name.split(".", 1)
                held.setdefault(int(index), {})[key] = tensor
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": held, "param_groups": groups})
        self.progress = Progress(
            notes["step"],
            notes["seconds"],
            notes["busy"],
            [(int(step), float(loss)) for step, loss in notes["curve"]],
        )
        self._losses = [float(loss) for loss in notes["losses"]]


def train(
    trainer: Trainer,
    path: Path,
    on_step: Callable[[Trainer, float], None],
    every_seconds: float = 60.0,
) -> None:
    """Run to the last step of the recipe, from the checkpoint at `path` if there is one."""
    if path.exists():
        trainer.load(path)
    saved = perf_counter()
    while trainer.progress.step < trainer.recipe.steps:
        loss = trainer.step()
        on_step(trainer, loss)
        if perf_counter() - saved > every_seconds:
            trainer.save(path)
            saved = perf_counter()
    trainer.save(path)


def load_parameters(system: AnySystem, tensors: dict[str, Tensor]) -> None:
    """Copy saved parameters into a system; every name must fit."""
    wanted = dict(system.named_parameters())
    if set(wanted) != set(tensors):
        strange = sorted(set(wanted) ^ set(tensors))[:4]
        raise BrokenCheckpoint(
            f"A checkpoint of another system or size (names differ: {', '.join(strange)}); remove "
            "the run's folder to train it again."
        )
    with torch.no_grad():
        for name, parameter in wanted.items():
            parameter.copy_(tensors[name])


def load_trained(system: AnySystem, path: Path) -> Progress:
    """Parameters of a checkpoint for reading only, and how far it was trained."""
    with safe_open(path, framework="pt") as file:
        notes = json.loads(file.metadata()["progress"])
        names = [name for name in file.keys() if name.startswith("model.")]  # noqa: SIM118
        load_parameters(system, _under({name: file.get_tensor(name) for name in names}, "model."))
    curve = [(int(step), float(loss)) for step, loss in notes["curve"]]
    return Progress(notes["step"], notes["seconds"], notes["busy"], curve)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _optimizers(system: AnySystem, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Matrices have weight decay; embeddings, norms, biases and learned tokens have none."""
    groups = _groups(system, recipe)
    if recipe.optimizer == "adafactor":
        return [torch.optim.Adafactor(list(groups.values()), lr=recipe.rate)]
    made: list[torch.optim.Optimizer] = []
    if recipe.optimizer == "muon":
        matrices = groups.pop("matrices") | {"first_lr": recipe.muon_rate}
        made.append(Muon([matrices], lr=recipe.muon_rate))
    rest = list(groups.values())
    made.append(torch.optim.AdamW(rest, lr=recipe.rate, betas=(0.9, 0.98), fused=True))
    return made


def _groups(system: AnySystem, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Parameters by kind, with their rate and decay; empty kinds are left out."""
    matrices = {id(m.weight) for m in system.modules() if isinstance(m, nn.Linear)}
    matrices.discard(id(system.decoder.lm_head.weight))
    found: dict[str, list[Tensor]] = {"matrices": [], "others": [], "gates": []}
    for name, parameter in system.named_parameters():
        gate = name.rsplit(".", 1)[-1] in GATES
        kind = "gates" if gate else "matrices" if id(parameter) in matrices else "others"
        found[kind].append(parameter)
    return {
        kind: {
            "params": parameters,
            "first_lr": recipe.gate_rate if kind == "gates" else recipe.rate,
            "weight_decay": recipe.decay if kind == "matrices" else 0.0,
        }
        for kind, parameters in found.items()
        if parameters
    }
