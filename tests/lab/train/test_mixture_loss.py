"""The mixed loss is the likelihood that the product's mixture gives to an answer."""

from __future__ import annotations

import pytest
import torch

from lab.train.answering.answer_adapter import write_window
from lab.train.answering.mixture_loss import mixed_log_prob, mixture_loss
from lab.train.examples import Asked, Span, Unit
from memory_models.adapter import LoraConfig, lora_weights, with_lora
from memory_models.backbone import Backbone
from memory_models.generate import Abstention, Mixture, score
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.write_gate import WriteGate
from memory_models.prompt import ABSTAINED, build_prompt

WINDOW = 40
TEXTS = ("The key was under the lamp.", "Nobody came along the road.", "The cat slept.")
ASKED = Asked("Where was the key?", "Under the lamp", span=Span(0, len(TEXTS[0])))
NOT_THERE = Asked("Who is the king?", ABSTAINED, abstained=True)


def test_the_mixed_likelihood_is_the_products(backbone: Backbone, gate: WriteGate) -> None:
    tokenizer = backbone.tokenizer
    token = tokenizer.encode(ABSTAINED)[0]
    config = AdaptiveConfig(((1, 0),), WINDOW, 1.0, slot_bits=16, gate=gate.name)
    memory = AdaptiveMemory(backbone, config, gate)
    slots = {
        n: memory.write(torch.tensor(tokenizer.encode(text)), {}).left["slots"]
        for n, text in enumerate(TEXTS)
    }
    prompt = build_prompt(tokenizer, ASKED.question)
    answer = [*tokenizer.encode(ASKED.answer), *sorted(tokenizer.chat.stops)[-1:]]
    even = torch.zeros(len(TEXTS))
    product = score(
        memory.recall(slots, even), prompt.tokens, prompt.question, answer, Abstention(token, 0.0)
    )
    rows, abstains = [], []
    for n in slots:
        reading = memory.recall({n: slots[n]}, torch.zeros(1))
        fed = torch.tensor([*prompt.tokens, *answer[:-1]])
        logits = reading.step(fed, last=len(answer))[0].log_softmax(-1)
        rows.append(logits.gather(1, torch.tensor(answer)[:, None])[:, 0])
        abstains.append(logits[0, token])
    ours = mixed_log_prob(torch.stack(rows), torch.stack(abstains))
    assert float(ours) == pytest.approx(sum(product.log_probs), abs=1e-4)
    mixture = Mixture(memory.recall(slots, even), Abstention(token, 0.0))
    mixture.prefill(prompt.tokens, prompt.question)
    first = float(mixture.next[answer[0]])
    assert first == pytest.approx(product.log_probs[0], abs=1e-4)


def test_gradients_reach_the_adapter_through_the_weights_and_the_loss_falls(
    backbone: Backbone, gate: WriteGate
) -> None:
    adapted = with_lora(backbone.decoder, LoraConfig(4))
    tokenizer, sink = backbone.tokenizer, list(backbone.tokenizer.chat.opening)
    slates = [
        write_window(backbone.decoder, gate, sink, tokenizer.encode(text), 1.0) for text in TEXTS
    ]
    unit = Unit(TEXTS, (ASKED, NOT_THERE, Asked("Who slept?", "The cat")))
    token = tokenizer.encode(ABSTAINED)[0]
    optimizer = torch.optim.AdamW(lora_weights(adapted).values(), 1e-2)
    losses = []
    for _ in range(12):
        result = mixture_loss(adapted, tokenizer, slates, unit, 43, token)
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
        losses.append(float(result.loss.detach()))
    assert losses[-1] < 0.6 * losses[0]
    assert result.branches == 3 and result.answerable == 2
    assert all(p.grad is None for n, p in adapted.named_parameters() if not p.requires_grad)
