"""Training the addresser: which tokens of a question say where to look.

Every example is a question about one window among many: how well each of its tokens matches each
window at the addressing heads, which does not change while training, and what the heads' layers
read. The loss is that of picking a window with the gold passage among all windows of other records.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from memory_models.address import AddressBook, key_heads, matches, read_question
from memory_models.errors import InvalidRequest
from memory_models.evaluate.data import Question, Record
from memory_models.memories.adaptive import QUERY_DISTANCE, AdaptiveMemory, read_tokens
from memory_models.memories.addresser import Addresser
from memory_models.memory import Bundle
from memory_models.prompt import address_query
from memory_models.train.units import Split

HOLD_OUT = 8  # every so many windows, the questions of one are kept to judge
TRIES = 20  # windows drawn for each that is wanted
INSIDE = 0.6  # share of its passage that a window must hold to be where a question is answered


class Place(NamedTuple):
    """A window of a record, with the questions that it answers."""

    record: str
    text: str
    questions: tuple[Question, ...]


class Example(NamedTuple):
    """A question, and what its tokens find in every window."""

    place: int  # the window that answers it
    matches: Tensor  # [heads,W,T]
    seen: Tensor  # [heads,T,D]
    others: Tensor  # [W] bool: windows of other records


@dataclass(frozen=True, slots=True)
class AddressingPlan:
    """How the addresser is fitted."""

    steps: int = 40
    learning_rate: float = 5e-3
    decay: float = 0.05  # on the square of what tokens are weighed by
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or self.decay < 0:
            raise InvalidRequest(f"{self}: steps and learning rate above 0, decay at least 0.")


@dataclass(frozen=True, slots=True)
class AddressingScores:
    """How often the right window is among the first, on windows kept out of the fit."""

    questions: int
    windows: int
    recall_at_1: float
    recall_at_4: float
    recall_at_8: float


def draw_places(
    piles: Sequence[Sequence[Record]], split: Split, count: int, most: int, seed: int
) -> Iterator[Place]:
    """`count` windows that answer questions, of random records, each pile as often as another.

    most: so many questions of a window at most. A window that answers none is drawn anew.
    """
    rng = random.Random(seed)
    known = [[r for r in pile if any(q.gold and q.answers for q in r.questions)] for pile in piles]
    if not all(known):
        raise InvalidRequest("A file has no record that says where its questions are answered.")
    drawn: set[tuple[str, int]] = set()
    for _ in range(TRIES * count):
        if len(drawn) == count:
            return
        record = rng.choice(rng.choice(known))
        start, end = rng.choice(split(record.text))
        inside = [q for q in record.questions if q.answers and _holds(start, end, q)]
        if inside and (record.id, start) not in drawn:
            drawn.add((record.id, start))
            asked = rng.sample(inside, min(most, len(inside)))
            yield Place(record.id, record.text[start:end], tuple(asked))
    if len(drawn) < count:
        raise InvalidRequest(
            f"Found {len(drawn)} of {count} windows that answer a question; ask for fewer."
        )


def _holds(start: int, end: int, question: Question) -> bool:
    if question.gold is None:
        return False
    a, b = question.gold
    return min(b, end) - max(a, start) >= INSIDE * (b - a) > 0


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
def observe_question(
    memory: AdaptiveMemory, question: str, place: int, book: AddressBook, places: Sequence[Place]
) -> Example:
    """What the tokens of one question find in all windows."""
    heads, group = memory.config.address_heads, memory.backbone.config.group
    pairs = key_heads(heads, group)
    index = torch.tensor([pairs.index((layer, head // group)) for layer, head in heads])
    query = address_query(memory.backbone.tokenizer, question)
    at = memory.prompt_place + QUERY_DISTANCE
    asked = read_question(memory.backbone.decoder, memory.sink, query, heads, at)
    found = matches(asked.queries, book, torch.arange(len(places)), index)
    others = torch.tensor([p.record != places[place].record for p in places])
    return Example(place, found.cpu(), asked.seen.float().cpu(), others)


def fit_addresser(
    memory: AdaptiveMemory,
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
    heads, width = memory.config.address_heads, memory.backbone.config.hidden_size
    weights = _fit(Addresser(heads, width), fitted, plan, on_step)
    trained = Addresser.from_weights(heads, width, weights)
    return weights, judge(trained, judged), judge(Addresser(heads, width), judged)


def _fit(
    addresser: Addresser,
    examples: Sequence[Example],
    plan: AddressingPlan,
    on_step: Callable[[int, int, float], None],
) -> dict[str, Tensor]:
    """Tokens are weighed on standardised inputs; a constant added to all of them says nothing."""
    every = torch.cat([e.seen for e in examples], dim=1)  # [heads,N,D]
    mean, deviation = every.mean(1, keepdim=True), every.std(1, keepdim=True) + 1e-3
    sharpness = nn.Parameter(torch.zeros(()))  # how sure to be; ranks do not depend on it
    parameters = [*addresser.parameters(), sharpness]
    optimizer = torch.optim.Adam(parameters, plan.learning_rate)
    standard = [e._replace(seen=(e.seen - mean) / deviation) for e in examples]
    for step in range(plan.steps):
        losses = [_loss(addresser, e, sharpness) for e in standard]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        (loss + plan.decay * addresser.tokens.square().sum()).backward()
        optimizer.step()
        on_step(step + 1, plan.steps, float(loss.detach()))
    folded = addresser.tokens.detach() / deviation[:, 0]
    return {"tokens": folded, "mix": addresser.mix.detach().clone()}


def _loss(addresser: Addresser, example: Example, sharpness: Tensor) -> Tensor:
    usable = _usable(example)
    scores: Tensor = addresser(example.matches[:, usable], example.seen)
    gold = int(usable[: example.place].sum())
    return -(scores * sharpness.exp()).log_softmax(0)[gold]


def _usable(example: Example) -> Tensor:
    usable = example.others.clone()
    usable[example.place] = True
    return usable


@torch.no_grad()
def judge(addresser: Addresser, examples: Sequence[Example]) -> AddressingScores:
    """Where the right window comes among all windows of other records."""
    ranks = []
    for example in examples:
        usable = _usable(example)
        scores = addresser(example.matches[:, usable], example.seen)
        ranks.append(int((scores > scores[int(usable[: example.place].sum())]).sum()))
    recall = [sum(rank < k for rank in ranks) / len(ranks) for k in (1, 4, 8)]
    return AddressingScores(len(ranks), len(examples[0].others), *recall)
