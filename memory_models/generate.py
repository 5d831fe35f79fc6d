"""Answering from a state: rows are mixed by how well each explains what was said so far.

Each row of a `Reading` conditions on one addressed window (or on a whole recurrent state). Their
next-token distributions are mixed with weights that start from the address score and from how much
likelier the row makes the *question*, and are then updated by Bayes' rule with every token said:
a window that does not explain the answer fades, and nothing dilutes the one that does. The last row
sees no memory; the gap to it is the evidence that the memory supports the answer.

A trained reader says `DECLINED` of a window that does not answer. The odds that it does not then
weigh the rows beside the address, and the question's likelihood counts no more
(`weigh_by_support`). `Mixture.support` is the largest chance of a row to answer: below
`Declining.threshold` the whole answer is declined, else declining is ruled out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from memory_models.errors import InvalidRequest
from memory_models.memory import Reading

QUESTION_WEIGHT = 0.25  # EXPERIMENTS.md, 2026-11-21: combining
SUPPORT_WEIGHT = 0.25  # of a row's log-odds to answer; 2026-11-23: rows that vote
PLAUSIBLE = 0.1  # of the likeliest token's probability, for a token to be contrasted
BESIDE_SUPPORT = 0.5  # of the address beside them


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. temperature 0 is greedy and deterministic."""

    max_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    no_repeat: int = 0  # forbid repeating any run of this many tokens; 0 allows all

    def __post_init__(self) -> None:
        if not 1 <= self.max_tokens <= 4096:
            raise InvalidRequest(f"max_tokens is {self.max_tokens}; it must be 1 to 4,096.")
        if self.temperature < 0:
            raise InvalidRequest(f"temperature is {self.temperature}; it must be at least 0.")


@dataclass(frozen=True, slots=True)
class Declining:
    """How a trained reader declines. token: the first one of `DECLINED`."""

    token: int
    threshold: float  # least support that is answered; 0 never declines

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise InvalidRequest(f"Declining threshold {self.threshold} is outside 0 to 1.")


@dataclass(slots=True)
class Trace:
    """What is known about an answer while it is made."""

    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)  # of the mixture, per token
    off_log_probs: list[float] = field(default_factory=list)  # of memory off, per token
    weights: list[float] = field(default_factory=list)  # posterior of each row
    stopped: bool = False  # ended by a stop token, not by the limit
    support: float = 1.0  # the largest chance that a row answers rather than declines

    @property
    def gain(self) -> float:
        """Nats per token by which the memory makes the answer likelier; 0 for an empty answer."""
        n = len(self.log_probs)
        return (sum(self.log_probs) - sum(self.off_log_probs)) / n if n else 0.0

    @property
    def log_prob(self) -> float:
        """Mean log-probability per token under the mixture."""
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else 0.0


class Mixture:
    """The rows of a reading as one next-token distribution."""

    def __init__(self, reading: Reading, declining: Declining | None = None) -> None:
        self._reading = reading
        self._declining = declining
        self.support = 1.0
        self.log_weights = reading.prior.float().log_softmax(0)  # [C]
        self.next: Tensor = torch.empty(0)  # [vocabulary] log-probabilities of the mixture
        self.next_off: Tensor = torch.empty(0)  # the same of memory off
        self._rows: Tensor = torch.empty(0)  # [C,vocabulary]

    def prefill(self, prompt: Sequence[int], question: slice) -> None:
        """Read the prompt; weigh rows by how much they make prompt[question] likelier."""
        if not prompt:
            raise InvalidRequest("The prompt is empty; there is nothing to continue.")
        tokens = torch.tensor(prompt)
        if self._declining is not None:
            self._decide(self._reading.step(tokens, last=1)[:, -1], self._declining)
            return
        first = max(question.start, 1)
        logits = self._reading.step(tokens, last=len(prompt) - first + 1)
        log_probs = logits.log_softmax(-1)  # [C+1,last,vocabulary]; column j predicts first + j
        asked = tokens[first : question.stop].to(log_probs.device)
        likelihood = log_probs[:, : len(asked)].gather(
            2, asked.view(1, -1, 1).expand(log_probs.shape[0], -1, 1)
        )
        gains = likelihood.sum(dim=(1, 2))  # [C+1]
        gains = gains[:-1] - gains[-1]
        prior = self._reading.prior.to(gains.device) + QUESTION_WEIGHT * gains
        self.log_weights = prior.log_softmax(0)
        self._set(log_probs[:, -1])

    def _decide(self, logits: Tensor, declining: Declining) -> None:
        """Rule declining out and weigh rows by how surely they answer, or rule all else out."""
        log_probs = logits.log_softmax(-1)  # [C+1,vocabulary]
        refusals = log_probs[:-1, declining.token]
        self.support = float(1 - refusals.exp().min())
        self.log_weights = weigh_by_support(self._reading.prior.to(refusals.device), refusals)
        if self.support < declining.threshold:
            self._set(log_probs)
            self.next = torch.full_like(self.next, float("-inf"))
            self.next[declining.token] = 0.0
        else:
            rows = without(log_probs[:-1], declining.token)
            self._set(torch.cat((rows, log_probs[-1:])))

    def _set(self, log_probs: Tensor) -> None:
        self._rows, self.next_off = log_probs[:-1], log_probs[-1]
        self.next = (self.log_weights[:, None] + self._rows).logsumexp(0)

    def say(self, token: int) -> tuple[float, float]:
        """Commit to a token without computing what follows; its log-probability here and off."""
        said = float(self.next[token]), float(self.next_off[token])
        self.log_weights = (self.log_weights + self._rows[:, token]).log_softmax(0)
        return said

    def advance(self, token: int) -> None:
        """Feed a token that was said."""
        logits = self._reading.step(torch.tensor([token]), last=1)
        self._set(logits[:, 0].log_softmax(-1))


def weigh_by_support(prior: Tensor, refusals: Tensor) -> Tensor:
    """Log-weights [C] of rows whose reader can decline.

    prior [C]: of the addresses; refusals [C]: log-probability with which each row declines.
    """
    sure = refusals.clamp(math.log(1e-6), -1e-6)
    odds = torch.log1p(-sure.exp()) - sure
    return (BESIDE_SUPPORT * prior + SUPPORT_WEIGHT * odds).log_softmax(0)


def without(log_probs: Tensor, token: int) -> Tensor:
    """The distribution [...,vocabulary] given that it is not `token`."""
    rest = log_probs.clone()
    rest[..., token] = float("-inf")
    return rest.log_softmax(-1)


def generate(
    mixture: Mixture, stops: frozenset[int], decoding: Decoding, trace: Trace
) -> Iterator[int]:
    """Yield the answer's tokens one by one, after `mixture.prefill`; fills `trace` as it goes.

    Closing the iterator stops the generation; the trace then holds what was said.
    """
    random = torch.Generator().manual_seed(decoding.seed)
    trace.support = mixture.support
    for _ in range(decoding.max_tokens):
        token = _choose(mixture.next, trace.tokens, decoding, random)
        said, off = mixture.say(token)
        trace.log_probs.append(said)
        trace.off_log_probs.append(off)
        trace.weights = mixture.log_weights.exp().tolist()
        if token in stops:
            trace.stopped = True
            return
        trace.tokens.append(token)
        yield token
        mixture.advance(token)


def generate_each(
    reading: Reading,
    prompt: Sequence[int],
    stops: frozenset[int],
    decoding: Decoding,
    contrast: float = 0.0,
    banned: Callable[[Sequence[int]], list[int]] = lambda said: [],
) -> list[list[int]]:
    """Greedy continuations of the prompt by every row with memory, each from its row alone.

    banned: tokens that a row may not say next, given what it has said.

    With a contrast the second half of the rows are to see no memory: they say what the first half
    says, and what they would have said themselves counts less (`contrasted`).
    """
    logits = reading.step(torch.tensor(prompt), last=1)[:, -1]  # [C+1,vocabulary]
    count = (logits.shape[0] - 1) // (2 if contrast else 1)
    said: list[list[int]] = [[] for _ in range(count)]
    running = [True] * count
    for _ in range(decoding.max_tokens):
        scores = logits[:count].clone()
        for row in range(count):
            repeats = _would_repeat(said[row], decoding.no_repeat)
            scores[row, [*repeats, *banned(said[row])]] = float("-inf")
        if contrast:  # after the ban, which may leave none that was likely
            scores = contrasted(scores, logits[count : 2 * count], contrast)
        tokens = scores.argmax(-1).tolist()
        for row, token in enumerate(tokens):
            running[row] = running[row] and token not in stops
            if running[row]:
                said[row].append(token)
        if not any(running):
            break
        fed = [*tokens, *(tokens if contrast else ()), tokens[0]]
        logits = reading.step(torch.tensor(fed).unsqueeze(1), last=1)[:, -1]
    return said


def contrasted(seen: Tensor, unseen: Tensor, weight: float) -> Tensor:
    """(1 + weight) log p(seen) - weight log p(unseen), of logits [C,vocabulary].

    Only among tokens with a tenth of the likeliest one's probability, lest noise be praised
    (context-aware decoding, arXiv 2305.14739).
    """
    seen, unseen = seen.log_softmax(-1), unseen.log_softmax(-1)
    unlikely = seen < seen.amax(-1, keepdim=True) + math.log(PLAUSIBLE)
    return (seen + weight * (seen - unseen)).masked_fill(unlikely, float("-inf"))


def _choose(log_probs: Tensor, said: list[int], decoding: Decoding, random: torch.Generator) -> int:
    banned = _would_repeat(said, decoding.no_repeat)
    if banned:
        log_probs = log_probs.clone()
        log_probs[banned] = float("-inf")
    if decoding.temperature == 0:
        return int(log_probs.argmax())
    probabilities = (log_probs.cpu() / decoding.temperature).softmax(-1)
    return int(torch.multinomial(probabilities, 1, generator=random))


def _would_repeat(said: list[int], run: int) -> list[int]:
    """Tokens that would complete a run of `run` tokens that was said before."""
    if run < 1 or len(said) < run:
        return []
    tail = said[len(said) - run + 1 :]
    starts = range(len(said) - run + 1)
    return [said[i + run - 1] for i in starts if said[i : i + run - 1] == tail]


def score(
    reading: Reading,
    prompt: Sequence[int],
    question: slice,
    answer: Sequence[int],
    declining: Declining | None = None,
) -> Trace:
    """Teacher-forced: the log-probabilities of a given answer, in one pass over all its tokens.

    The same mixture as `Mixture.prefill` followed by feeding the answer token by token; where the
    reader can decline, given that it does not.
    """
    if not answer:
        raise InvalidRequest("The answer to score is empty.")
    tokens = torch.tensor([*prompt, *answer[:-1]])
    first = max(question.start, 1)
    logits = reading.step(tokens, last=len(tokens) - first + 1)
    log_probs = logits.log_softmax(-1)  # [C+1,last,vocabulary]; column j predicts first + j
    targets = torch.tensor([*tokens[first:].tolist(), answer[-1]]).to(log_probs.device)
    rows = targets.view(1, -1, 1).expand(log_probs.shape[0], -1, 1)
    found = log_probs.gather(2, rows).squeeze(2)  # [C+1,last]
    prior = reading.prior.to(found.device)
    said = found[:, -len(answer) :]
    if declining is None:
        gains = found[:, : question.stop - first].sum(1)
        weights = (prior + QUESTION_WEIGHT * (gains[:-1] - gains[-1])).log_softmax(0)
        support = 1.0
    else:
        refusals = log_probs[:-1, -len(answer), declining.token]  # [C]
        support = float(1 - refusals.exp().min())
        weights = weigh_by_support(prior, refusals)
        said = said.clone()
        said[:-1, 0] -= torch.log1p(-refusals.exp().clamp_max(1 - 1e-6))
    evidence = weights[:, None] + said[:-1].cumsum(1)  # [C,answer]
    spoken = torch.cat((evidence.new_zeros(1), evidence.logsumexp(0))).diff()
    return Trace(
        tokens=list(answer),
        log_probs=spoken.tolist(),
        off_log_probs=said[-1].tolist(),
        weights=evidence[:, -1].softmax(0).tolist(),
        support=support,
    )


def support_logit(support: float) -> float:
    """Log-odds of answering, within what single-precision probabilities can tell apart."""
    inside = min(max(support, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def sigmoid(x: float) -> float:
    """Logistic function, safe for large arguments."""
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
