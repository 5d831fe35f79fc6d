"""The loss of an answer as the product gives it: mixed from rows that each see one window.

For a question with an answer the loss is -log sum over rows of w_r p_r(answer), per token, with the
rows' weights w_r as `Mixture` computes them from each row's odds of answering (the marginal
likelihood of arXiv 2005.11401, with gradients through the weights). Each row is trained to abstain
where its window does not hold the answer, too. Deviation from the product: the rows' address scores
are left out of the weights, so that training does not rely on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from lab.train.answering.answer_adapter import (
    LayerSlate,
    Packed,
    UnitLoss,
    branch_logits,
    pack_unit,
)
from lab.train.examples import Asked, Unit
from memory_models.decoder import Decoder
from memory_models.generate import weigh_by_answerability
from memory_models.tokenizer import Tokenizer

CERTAIN = 1 - 1e-6  # largest probability of abstaining that a logarithm is taken of


def mixture_loss(
    adapted: Decoder,
    tokenizer: Tokenizer,
    slates: Sequence[Sequence[LayerSlate]],
    unit: Unit,
    place: int,
    abstain_token: int,
) -> UnitLoss:
    """Loss of a unit whose windows are rows of their own; slates: one for each window."""
    packed = pack_unit(tokenizer, unit)
    rows = [_row(adapted, slate, packed, place, abstain_token) for slate in slates]
    said = torch.stack([nats for nats, _ in rows])  # [C,M] log-probability of each target
    abstains = torch.stack([first for _, first in rows])  # [C,branches] log-probability
    ends = [*packed.first.tolist()[1:], packed.targets.shape[0]]
    losses: list[Tensor] = []
    decided = 0
    first_nats = 0.0
    for number, asked in enumerate(unit.asked):
        begin, end = int(packed.first[number]), ends[number]
        if asked.abstained:
            weights = packed.weights[begin:end].to(said.device)
            losses.append(-(said[:, begin:end] * weights).sum(1).mean())
        else:
            mixed = mixed_log_prob(said[:, begin:end], abstains[:, number])
            losses.append(-mixed / (end - begin) + _decision_loss(asked, abstains[:, number]))
            first_nats -= float(said[:, begin].detach().max())
        answers = float(abstains[:, number].detach().exp().min()) < 0.5
        decided += answers != asked.abstained
    answerable = sum(not a.abstained for a in unit.asked)
    tokens = packed.tokens.shape[0] * len(slates)
    return UnitLoss(
        torch.stack(losses).sum(), len(unit.asked), tokens, first_nats, answerable, decided
    )


def mixed_log_prob(said: Tensor, abstains: Tensor) -> Tensor:
    """Log-probability of an answer [A] under the mixture of C rows, none of which may abstain.

    said [C,A]: log-probability of each token; abstains [C]: of abstaining.
    """
    weights = weigh_by_answerability(torch.zeros_like(abstains), abstains)  # [C]
    rows = said.sum(1) - torch.log1p(-abstains.exp().clamp_max(CERTAIN))
    return (weights + rows).logsumexp(0)


def _row(
    adapted: Decoder, slate: Sequence[LayerSlate], packed: Packed, place: int, abstain_token: int
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [M] of the targets and [branches] of abstaining, from one window."""
    logits = branch_logits(adapted, slate, packed, place).float()  # [M,V]
    targets = packed.targets.to(logits.device)
    said = -F.cross_entropy(logits, targets, reduction="none")
    first = logits[packed.first.to(logits.device)].log_softmax(-1)[:, abstain_token]
    return said, first


def _decision_loss(asked: Asked, abstains: Tensor) -> Tensor:
    """Cross-entropy of each row's decision to answer, or of the surest row's where none is named.

    abstains [C]: log-probability of abstaining.
    """
    answers = torch.log1p(-abstains.exp().clamp_max(CERTAIN))  # [C] log-probability
    if asked.span is None:
        return -answers.max()
    right = abstains.clone()
    right[asked.span.window] = answers[asked.span.window]
    return -right.mean()
