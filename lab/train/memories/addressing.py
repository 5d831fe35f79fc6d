"""Training the addresser: which window answers a question.

Every question belongs to one window among many. The loss is that of picking this window among a
few hundred others; windows with text of the same records do not count. Keys are as they are stored
and do not change; the gradient flows through the best match of each token to the turned queries.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from lab.train.examples import Unit
from memory_models.address import AddressBook, matches, pair_index, read_question
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import AdaptiveMemory, read_tokens
from memory_models.memories.addresser import Addresser
from memory_models.memory import Bundle
from memory_models.prompt import address_query

AT_ONCE = 32  # questions judged together
HOLD_OUT = 8  # the questions of every eighth window are kept to judge


class Place(NamedTuple):
    """A window and the questions that it answers; none where it is a distractor."""

    text: str
    questions: tuple[str, ...]
    records: frozenset[str]


class Example(NamedTuple):
    """A question as the addressing heads see it."""

    place: int  # the window that answers it
    queries: Tensor  # [heads,T,d], before RoPE
    seen: Tensor  # [heads,T,D]


@dataclass(frozen=True, slots=True)
class AddressingPlan:
    """How the addresser is fitted; rates fall linearly to zero."""

    epochs: int = 5
    questions: int = 48  # of a step
    others: int = 220  # windows of a step besides those that answer its questions
    learning_rate: float = 5e-3
    turning_rate: float = 2e-3  # learning rate of the queries' rotation
    decay: float = 0.05  # weight of the squared token weights in the loss
    turning_decay: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.questions, self.others) < 1:
            raise InvalidRequest(f"{self}: epochs, questions and others are 1 or more.")
        if (
            min(self.learning_rate, self.turning_rate) <= 0
            or min(self.decay, self.turning_decay) < 0
        ):
            raise InvalidRequest(f"{self}: rates are above 0, decays at least 0.")


@dataclass(frozen=True, slots=True)
class AddressingScores:
    """How often the right window is among the first, on windows kept out of the fit."""

    questions: int
    windows: int
    recall_at_1: float
    recall_at_4: float
    recall_at_8: float


def places_of(units: Sequence[Unit], plain: Sequence[str]) -> list[Place]:
    """Units of one window each, with the questions they answer, and windows that answer none."""
    places = []
    for unit in units:
        asked = tuple(dict.fromkeys(a.question for a in unit.asked if not a.abstained))
        places.append(Place(unit.windows[0], asked, frozenset(unit.records)))
    return places + [Place(text, (), frozenset()) for text in plain]


@torch.no_grad()
def observe_window(memory: AdaptiveMemory, text: str) -> Bundle:
    """The address keys of a window, as `AdaptiveMemory.write` leaves them."""
    decoder, first = memory.backbone.decoder, len(memory.sink)
    ids = memory.backbone.tokenizer.encode(text)[: memory.window]
    tokens = torch.tensor([*memory.sink, *ids], device=decoder.device)
    keys = read_tokens(decoder, tokens).keys[:, :, first:]
    left = memory.pack_address(keys)
    return {name: tensor.cpu() for name, tensor in left.items()}


@torch.no_grad()
def observe_question(memory: AdaptiveMemory, question: str) -> dict[str, Tensor]:
    """A question's `queries` and the inputs of its token weights, `seen`, as `Example` has them."""
    query = address_query(memory.backbone.tokenizer, question)
    heads = memory.config.address_heads
    asked = read_question(memory.backbone.decoder, memory.sink, query, heads, None)
    return {"queries": asked.queries.float().cpu(), "seen": asked.seen.float().cpu()}


class Fitting:
    """The windows, and how an addresser does on them."""

    def __init__(self, memory: AdaptiveMemory, book: AddressBook, places: Sequence[Place]) -> None:
        """book: of the places in their order, keys before RoPE."""
        config = memory.backbone.config
        self.heads = memory.config.address_heads
        self.width, self.size = config.hidden_size, config.head_size
        self._index = pair_index(self.heads, config.group)
        self._book, self._places = book, places

    def scores(self, addresser: Addresser, batch: Sequence[Example], rows: Tensor) -> list[Tensor]:
        """For each example the score of the window that answers, then those of `rows` of others."""
        queries = torch.cat([addresser.turned(e.queries) for e in batch], dim=1)
        found = matches(queries, self._book, rows, self._index)  # [heads,rows,all T]
        parts = found.split([e.queries.shape[1] for e in batch], dim=2)
        numbers = rows.tolist()
        scores = []
        for example, part in zip(batch, parts, strict=True):
            own = self._places[example.place].records
            kept = [numbers.index(example.place)]
            kept += [n for n, row in enumerate(numbers) if not own & self._places[row].records]
            scores.append(addresser(part[:, kept], example.seen))
        return scores

    def loss(self, addresser: Addresser, batch: Sequence[Example], rows: Tensor) -> Tensor:
        """Nats of picking the right window, mean over the batch."""
        scores = self.scores(addresser, batch, rows)
        return -torch.stack([score.log_softmax(0)[0] for score in scores]).mean()

    def draw(self, batch: Sequence[Example], others: int, rng: random.Random) -> Tensor:
        """The windows of a step: those that answer, and others."""
        every = range(len(self._places))
        drawn = rng.sample(every, min(others, len(every)))
        return torch.tensor(sorted({e.place for e in batch}.union(drawn)))

    @torch.no_grad()
    def judge(self, addresser: Addresser, examples: Sequence[Example]) -> AddressingScores:
        """The rank of the right window among all windows of other records."""
        rows = torch.arange(len(self._places))
        ranks = []
        for first in range(0, len(examples), AT_ONCE):
            for scores in self.scores(addresser, examples[first : first + AT_ONCE], rows):
                ranks.append(int((scores[1:] > scores[0]).sum()))
        recall = [sum(rank < k for rank in ranks) / len(ranks) for k in (1, 4, 8)]
        return AddressingScores(len(ranks), len(self._places), *recall)


def fit_addresser(
    fitting: Fitting,
    examples: Sequence[Example],
    plan: AddressingPlan,
    on_step: Callable[[int, int, float], None] = lambda step, steps, loss: None,
) -> tuple[dict[str, Tensor], AddressingScores, AddressingScores]:
    """Weights for `Addresser`; recall on windows kept out of the fit, trained and untrained."""
    judged = [e for e in examples if e.place % HOLD_OUT == HOLD_OUT - 1]
    fitted = [e for e in examples if e.place % HOLD_OUT != HOLD_OUT - 1]
    if not judged or not fitted:
        raise InvalidRequest(
            f"{len(examples)} questions are too few to fit and to judge; take more windows."
        )
    shape = fitting.heads, fitting.width, fitting.size
    weights = _fit(fitting, Addresser(*shape), fitted, plan, on_step)
    trained = Addresser.from_weights(*shape, weights)
    return weights, fitting.judge(trained, judged), fitting.judge(Addresser(*shape), judged)


def _fit(
    fitting: Fitting,
    addresser: Addresser,
    examples: Sequence[Example],
    plan: AddressingPlan,
    on_step: Callable[[int, int, float], None],
) -> dict[str, Tensor]:
    """Token weights are fitted on standardized inputs; a constant added to all changes nothing."""
    every = torch.cat([e.seen for e in examples], dim=1)  # [heads,N,D]
    mean, deviation = every.mean(1, keepdim=True), every.std(1, keepdim=True) + 1e-3
    standard = [e._replace(seen=(e.seen - mean) / deviation) for e in examples]
    others = [p for name, p in addresser.named_parameters() if name != "queries"]
    optimizer = torch.optim.Adam(
        [
            {"params": others, "lr": plan.learning_rate},
            {"params": [addresser.queries], "lr": plan.turning_rate},
        ]
    )
    rng = random.Random(plan.seed)
    steps = plan.epochs * -(-len(standard) // plan.questions)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    step = 0
    for _ in range(plan.epochs):
        rng.shuffle(standard)
        for first in range(0, len(standard), plan.questions):
            batch = standard[first : first + plan.questions]
            loss = fitting.loss(addresser, batch, fitting.draw(batch, plan.others, rng))
            held = plan.decay * addresser.tokens.square().sum()
            held = held + plan.turning_decay * addresser.queries.square().sum()
            optimizer.zero_grad()
            (loss + held).backward()
            optimizer.step()
            schedule.step()
            step += 1
            on_step(step, steps, float(loss.detach()))
    weights = {name: p.detach().clone() for name, p in addresser.named_parameters()}
    return weights | {"tokens": weights["tokens"] / deviation[:, 0]}
