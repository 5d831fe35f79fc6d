"""Answer generation from a memory state, as a mixture of experts over the rows of a `Reading`.

Axis legend: C rows with memory, V vocabulary. Each of the first C rows conditions on one addressed
window (or on a whole recurrent state). The last row sees no memory (memory off).

The next-token distributions of the C rows are mixed. A row's weight starts from its address score
and from how much likelier the row makes the *question* than memory off does. Bayes' rule then
updates the weights with every generated token, so a window that does not explain the answer fades
and does not dilute the one that does. How much likelier the mixture makes the answer than memory
off does is the evidence that the memory supports it.

The answer adapter is trained to abstain, that is to say `ABSTAINED`, where a window does not answer
the question. With an `Abstention`, each row's odds of answering replace the question's likelihood
in the weights (`weigh_by_answerability`). `Mixture.answerability` is the largest probability of
answering over the rows: below `Abstention.threshold` the whole answer is `ABSTAINED`, otherwise
abstaining is ruled out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from memory_models.errors import InvalidRequest
from memory_models.memory import Reading

QUESTION_WEIGHT = 0.25  # docs/experiments/answering.md: combining
ANSWERABILITY_WEIGHT = 0.25  # of a row's log-odds of answering; 2026-11-23: rows that vote
PRIOR_WEIGHT = 0.5  # of the address score, where answerability is weighed too
PLAUSIBLE = 0.1  # a token is contrasted if it has this fraction of the likeliest one's probability


@dataclass(frozen=True, slots=True)
class Decoding:
    """How tokens are chosen. Temperature 0 is greedy and deterministic."""

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
class Abstention:
    """When a decoder with the answer adapter abstains. token: the first token of `ABSTAINED`."""

    token: int
    threshold: float  # the answer abstains where answerability is below this; 0 never abstains
    weight: float = ANSWERABILITY_WEIGHT  # of a row's log-odds of answering, in its weight

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1:
            raise InvalidRequest(
                f"The abstention threshold is {self.threshold}; it must be at least 0 and below 1."
            )


@dataclass(slots=True)
class Trace:
    """What is known about an answer; it grows with every generated token."""

    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)  # of the mixture, per token
    off_log_probs: list[float] = field(default_factory=list)  # of memory off, per token
    weights: list[float] = field(default_factory=list)  # [C] posterior weight of each row
    stopped: bool = False  # True: ended by a stop token; False: by the limit
    answerability: float = 1.0  # largest probability over the rows of answering, not abstaining

    @property
    def gain(self) -> float:
        """Nats per token by which the memory raises the answer's log-probability; 0 if empty."""
        n = len(self.log_probs)
        return (sum(self.log_probs) - sum(self.off_log_probs)) / n if n else 0.0

    @property
    def log_prob(self) -> float:
        """Mean log-probability per token under the mixture."""
        return sum(self.log_probs) / len(self.log_probs) if self.log_probs else 0.0


class Mixture:
    """One next-token distribution, mixed from the rows of a reading."""

    def __init__(self, reading: Reading, abstention: Abstention | None = None) -> None:
        self._reading = reading
        self._abstention = abstention
        self.answerability = 1.0
        self.log_weights = reading.prior.float().log_softmax(0)  # [C]
        self.next: Tensor = torch.empty(0)  # [V] next-token log-probabilities of the mixture
        self.next_off: Tensor = torch.empty(0)  # [V] the same for memory off
        self._rows: Tensor = torch.empty(0)  # [C,V] the same for each row

    def prefill(self, prompt: Sequence[int], question: slice) -> None:
        """Read the prompt and set the rows' weights.

        A row weighs more the likelier it makes prompt[question]; with an `Abstention`, the surer it
        is to answer.
        """
        if not prompt:
            raise InvalidRequest("The prompt is empty; there is nothing to continue.")
        tokens = torch.tensor(prompt)
        if self._abstention is not None:
            self._decide(self._reading.step(tokens, last=1)[:, -1], self._abstention)
            return
        first = max(question.start, 1)
        logits = self._reading.step(tokens, last=len(prompt) - first + 1)
        log_probs = logits.log_softmax(-1)  # [C+1,last,V]; column j predicts token first + j
        asked = tokens[first : question.stop].to(log_probs.device)  # [Tq]
        likelihood = log_probs[:, : len(asked)].gather(
            2, asked.view(1, -1, 1).expand(log_probs.shape[0], -1, 1)
        )  # [C+1,Tq,1]
        gains = likelihood.sum(dim=(1, 2))  # [C+1]
        gains = gains[:-1] - gains[-1]  # [C] over memory off
        prior = self._reading.prior.to(gains.device) + QUESTION_WEIGHT * gains
        self.log_weights = prior.log_softmax(0)
        self._set(log_probs[:, -1])

    def _decide(self, logits: Tensor, abstention: Abstention) -> None:
        """Decide from logits [C+1,V] whether to abstain, and weigh the rows by answerability.

        Abstaining leaves only `abstention.token` possible; otherwise that token is ruled out.
        """
        log_probs = logits.log_softmax(-1)  # [C+1,V]
        abstains = log_probs[:-1, abstention.token]  # [C]
        self.answerability = float(1 - abstains.exp().min())
        self.log_weights = weigh_by_answerability(
            self._reading.prior.to(abstains.device), abstains, abstention.weight
        )
        if self.answerability < abstention.threshold:
            self._set(log_probs)
            self.next = torch.full_like(self.next, float("-inf"))
            self.next[abstention.token] = 0.0
        else:
            rows = without(log_probs[:-1], abstention.token)
            self._set(torch.cat((rows, log_probs[-1:])))

    def _set(self, log_probs: Tensor) -> None:
        """Mix the rows' next-token log-probabilities [C+1,V]."""
        self._rows, self.next_off = log_probs[:-1], log_probs[-1]
        self.next = (self.log_weights[:, None] + self._rows).logsumexp(0)

    def say(self, token: int) -> tuple[float, float]:
        """Commit to a token and reweigh the rows by it, without computing what follows.

        Returns the token's log-probability under the mixture and under memory off.
        """
        said = float(self.next[token]), float(self.next_off[token])
        self.log_weights = (self.log_weights + self._rows[:, token]).log_softmax(0)
        return said

    def advance(self, token: int) -> None:
        """Feed a committed token to the decoder, which gives the next distribution."""
        logits = self._reading.step(torch.tensor([token]), last=1)
        self._set(logits[:, 0].log_softmax(-1))


def weigh_by_answerability(
    prior: Tensor, abstains: Tensor, weight: float = ANSWERABILITY_WEIGHT
) -> Tensor:
    """Log-weights [C] of rows that can abstain.

    prior [C]: log-weights from the address scores; abstains [C]: each row's log-probability of
    abstaining; weight: of the log-odds of answering.
    """
    inside = abstains.clamp(math.log(1e-6), -1e-6)
    log_odds = torch.log1p(-inside.exp()) - inside  # of answering
    return (PRIOR_WEIGHT * prior + weight * log_odds).log_softmax(0)


def without(log_probs: Tensor, token: int) -> Tensor:
    """The distributions [...,V] conditioned on the token not being `token`."""
    rest = log_probs.clone()
    rest[..., token] = float("-inf")
    return rest.log_softmax(-1)


def generate(
    mixture: Mixture, stops: frozenset[int], decoding: Decoding, trace: Trace
) -> Iterator[int]:
    """Yield the answer's tokens one by one and record them in `trace`; call `prefill` first.

    Closing the iterator stops the generation; the trace then holds the tokens so far.
    """
    random = torch.Generator().manual_seed(decoding.seed)
    trace.answerability = mixture.answerability
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


def answerabilities(reading: Reading, prompt: Sequence[int], abstention: Abstention) -> list[float]:
    """Each row's own probability of answering, not abstaining, once it has read the prompt."""
    logits = reading.step(torch.tensor(prompt), last=1)[:-1, -1]  # [C,V]
    abstains = logits.log_softmax(-1)[:, abstention.token].exp()
    return [1 - probability for probability in abstains.tolist()]


def generate_each(
    reading: Reading,
    prompt: Sequence[int],
    stops: frozenset[int],
    decoding: Decoding,
    contrast: float = 0.0,
    banned: Callable[[Sequence[int]], list[int]] = lambda said: [],
) -> list[list[int]]:
    """Greedy continuations of the prompt, one for each row with memory, without mixing.

    banned: given the tokens of a row so far, the tokens it may not generate next.

    With a contrast above 0, the second half of the C rows must see no memory. They are fed the same
    tokens as the first half, whose logits are contrasted with theirs (`contrasted`); only the first
    half's continuations are returned.
    """
    logits = reading.step(torch.tensor(prompt), last=1)[:, -1]  # [C+1,V]
    count = (logits.shape[0] - 1) // (2 if contrast else 1)
    said: list[list[int]] = [[] for _ in range(count)]
    running = [True] * count
    for _ in range(decoding.max_tokens):
        scores = logits[:count].clone()
        for row in range(count):
            repeats = _would_repeat(said[row], decoding.no_repeat)
            scores[row, [*repeats, *banned(said[row])]] = float("-inf")
        if contrast:  # after the bans: they may rule out every token that was likely
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
    """Context-aware decoding (arXiv 2305.14739) of logits [C,V] with and without memory.

    The score is (1 + weight) log p(seen) - weight log p(unseen). Tokens with less than `PLAUSIBLE`
    of the likeliest one's probability get minus infinity, because ratios of tiny probabilities are
    noise.
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
    """Tokens that would repeat a run of `run` tokens that already occurs in `said`."""
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
    abstention: Abstention | None = None,
) -> Trace:
    """Teacher-forced log-probabilities of a given answer, in one pass over all its tokens.

    Equal to `Mixture.prefill` followed by feeding the answer token by token. With an `Abstention`
    the probabilities are conditioned on not abstaining; the threshold plays no part.
    """
    if not answer:
        raise InvalidRequest("The answer to score is empty.")
    tokens = torch.tensor([*prompt, *answer[:-1]])
    first = max(question.start, 1)
    logits = reading.step(tokens, last=len(tokens) - first + 1)
    log_probs = logits.log_softmax(-1)  # [C+1,last,V]; column j predicts token first + j
    targets = torch.tensor([*tokens[first:].tolist(), answer[-1]]).to(log_probs.device)  # [last]
    index = targets.view(1, -1, 1).expand(log_probs.shape[0], -1, 1)  # [C+1,last,1]
    found = log_probs.gather(2, index).squeeze(2)  # [C+1,last]
    prior = reading.prior.to(found.device)  # [C]
    said = found[:, -len(answer) :]  # [C+1,A], A tokens of the answer
    if abstention is None:
        gains = found[:, : question.stop - first].sum(1)  # [C+1]
        weights = (prior + QUESTION_WEIGHT * (gains[:-1] - gains[-1])).log_softmax(0)
        answerability = 1.0
    else:
        abstains = log_probs[:-1, -len(answer), abstention.token]  # [C]
        answerability = float(1 - abstains.exp().min())
        weights = weigh_by_answerability(prior, abstains, abstention.weight)
        said = said.clone()
        said[:-1, 0] -= torch.log1p(-abstains.exp().clamp_max(1 - 1e-6))
    evidence = weights[:, None] + said[:-1].cumsum(1)  # [C,A] log joint of row and answer so far
    per_token = torch.cat((evidence.new_zeros(1), evidence.logsumexp(0))).diff()  # [A]
    return Trace(
        tokens=list(answer),
        log_probs=per_token.tolist(),
        off_log_probs=said[-1].tolist(),
        weights=evidence[:, -1].softmax(0).tolist(),
        answerability=answerability,
    )


def answerability_logit(answerability: float) -> float:
    """Log-odds of answering, clamped to what float32 probabilities can tell apart."""
    inside = min(max(answerability, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))


def sigmoid(x: float) -> float:
    """Logistic function, safe for large arguments."""
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
