"""The addresser learns where to look, from questions and the windows that answer them."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lab.train.examples import Asked, Unit
from lab.train.memories.addressing import (
    AddressingPlan,
    Example,
    Fitting,
    Place,
    fit_addresser,
    observe_question,
    observe_window,
    places_of,
)
from memory_models import backbone as backbones
from memory_models.address import AddressBook, matches, pack_address, unpack_address
from memory_models.errors import BrokenCheckpoint, InvalidRequest
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory, read_tokens
from memory_models.memories.addresser import Addresser

HEADS = ((1, 0), (2, 1))
TELLING = 1  # which of a question's tokens finds its window
WINDOWS = 24


@pytest.fixture(scope="module")
def memory(tiny_backbone: Path) -> AdaptiveMemory:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    return AdaptiveMemory(loaded, AdaptiveConfig(HEADS, 48))


def new_addresser(memory: AdaptiveMemory) -> Addresser:
    config = memory.backbone.config
    return Addresser(HEADS, config.hidden_size, config.head_size)


def made_up(
    memory: AdaptiveMemory, count: int, turn: Tensor | None = None
) -> tuple[Fitting, list[Example]]:
    """Questions of four tokens; the telling one asks for a key of its window, turned or not."""
    generator = torch.Generator().manual_seed(0)
    c, T = memory.backbone.config, 4
    keys = torch.randn(WINDOWS, 2, 5, c.head_size, generator=generator)
    signs = torch.randn(T, c.hidden_size, generator=generator)
    examples = []
    for number in range(count):
        place = number % WINDOWS
        queries = 2 * torch.randn(2, T, c.head_size, generator=generator)
        wanted = 2 * keys[place, :, number % 5]
        queries[:, TELLING] = wanted if turn is None else wanted @ turn
        noise = 0.1 * torch.randn(2, T, c.hidden_size, generator=generator)
        examples.append(Example(place, queries, signs + noise))
    book = AddressBook.from_bundles([(n, pack_address(k)) for n, k in enumerate(keys)])
    places = [Place("", (), frozenset({str(n)})) for n in range(WINDOWS)]
    return Fitting(memory, book, places), examples


def test_the_telling_token_is_learned_and_held_out_windows_are_found(
    memory: AdaptiveMemory,
) -> None:
    fitting, examples = made_up(memory, 120)
    plan = AddressingPlan(epochs=6, learning_rate=5e-2, turning_rate=1e-5)
    weights, trained, untrained = fit_addresser(fitting, examples, plan)
    assert trained.questions == untrained.questions == 15 and trained.windows == WINDOWS
    assert trained.recall_at_1 > untrained.recall_at_1 + 0.1
    c = memory.backbone.config
    addresser = Addresser.from_weights(HEADS, c.hidden_size, c.head_size, weights)
    shares = addresser.token_weights(examples[7].seen)
    assert torch.allclose(shares.sum(1), torch.ones(len(HEADS)))
    assert bool((shares.argmax(1) == TELLING).all())


def test_queries_are_turned_to_what_answers(memory: AdaptiveMemory) -> None:
    d = memory.backbone.config.head_size
    turn = torch.diag(torch.tensor([1.0] * 5 + [-1.0] * (d - 5)))  # some channels mislead
    fitting, examples = made_up(memory, 120, turn)
    plan = AddressingPlan(epochs=16, learning_rate=1e-4, turning_rate=3e-2, turning_decay=0)
    weights, _, _ = fit_addresser(fitting, examples, plan)
    c = memory.backbone.config
    trained = Addresser.from_weights(HEADS, c.hidden_size, d, weights)
    before, after = (fitting.judge(a, examples) for a in (new_addresser(memory), trained))
    assert after.recall_at_4 > before.recall_at_4 + 0.2, (before, after)


def standardized(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((x - mean) ** 2 for x in values) / len(values))
    return [(x - mean) / deviation for x in values]


def test_scores_equal_the_literal_definition() -> None:
    H, W, T = 2, 5, 3
    generator = torch.Generator().manual_seed(0)
    addresser = Addresser(HEADS, 6, 4).double().requires_grad_(False)
    for parameter in addresser.parameters():
        parameter += torch.randn(parameter.shape, generator=generator).double()
    found = torch.randn(H, W, T, generator=generator, dtype=torch.float64)
    seen = torch.randn(H, T, 6, generator=generator).double()
    m, a, b = (p.tolist() for p in (addresser.mix, addresser.sharpness, addresser.threshold))

    def softplus(x: float) -> float:
        return math.log1p(math.exp(x))

    logits = [[float(addresser.tokens[h] @ seen[h, t]) for t in range(T)] for h in range(H)]
    z = [[standardized(found[h, :, t].tolist()) for t in range(T)] for h in range(H)]
    expected = [0.0] * W
    for h in range(H):
        u = [math.exp(x) / sum(map(math.exp, logits[h])) for x in logits[h]]
        apart = [
            sum(u[t] * softplus(a[h] * (z[h][t][w] - b[h])) for t in range(T)) for w in range(W)
        ]
        for w, score in enumerate(standardized(apart)):
            expected[w] += m[h] * score
    mean = [sum(logits[h][t] for h in range(H)) / H for t in range(T)]
    u = [math.exp(x) / sum(map(math.exp, mean)) for x in mean]
    y = [
        standardized([sum(m[h] * z[h][t][w] for h in range(H)) for w in range(W)]) for t in range(T)
    ]
    joined = [sum(u[t] * softplus(a[2] * (y[t][w] - b[2])) for t in range(T)) for w in range(W)]
    share = float(addresser.joined)
    for w, score in enumerate(standardized(joined)):
        expected[w] += share * H * score
    wide = sum(map(abs, m)) / H + abs(share)
    expected = [score / wide for score in expected]
    assert torch.allclose(addresser(found, seen), torch.tensor(expected).double(), atol=1e-9)


def test_the_gradient_of_a_match_is_its_best_key() -> None:
    generator = torch.Generator().manual_seed(0)
    windows = [torch.randn(2, T, 16, generator=generator) for T in (5, 9)]
    for bits in (8, 4):
        bundles = [pack_address(window, bits) for window in windows]
        queries = torch.randn(3, 4, 16, generator=generator).requires_grad_()
        book = AddressBook.from_bundles(list(enumerate(bundles)))
        pairs = torch.tensor([0, 1, 1])
        found = matches(queries, book, torch.arange(2), pairs)
        keys = [unpack_address(bundle) for bundle in bundles]

        def literal(queries: Tensor, keys: list[Tensor] = keys) -> Tensor:
            return torch.stack(
                [
                    torch.stack([(key[pair] @ queries[n].T).amax(0) for key in keys])
                    for n, pair in enumerate((0, 1, 1))
                ]
            )

        torch.testing.assert_close(found, literal(queries), atol=1e-4, rtol=1e-4)
        weight = torch.randn(found.shape, generator=generator)
        grads = [
            torch.autograd.grad((scores * weight).sum(), queries)[0]
            for scores in (found, literal(queries))
        ]
        torch.testing.assert_close(*grads, atol=1e-3, rtol=1e-3)


def test_fitting_twice_gives_the_same_bits(memory: AdaptiveMemory) -> None:
    fitting, examples = made_up(memory, 16)
    plan = AddressingPlan(epochs=2, questions=5, others=9)
    first, again = (fit_addresser(fitting, examples, plan)[0] for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_windows_of_the_same_record_are_no_wrong_answers(memory: AdaptiveMemory) -> None:
    fitting, examples = made_up(memory, 1)
    scores = fitting.scores(new_addresser(memory), examples, torch.arange(WINDOWS))
    assert [len(s) for s in scores] == [WINDOWS]
    places = [Place("", (), frozenset({str(n // 3)})) for n in range(WINDOWS)]
    fitting = Fitting(memory, fitting._book, places)
    scores = fitting.scores(new_addresser(memory), examples, torch.arange(WINDOWS))
    assert [len(s) for s in scores] == [WINDOWS - 2]
    drawn = fitting.draw(examples, 4, random.Random(0))
    assert 0 in drawn.tolist() and 4 <= len(drawn) <= 5


def test_places_are_windows_with_the_questions_they_answer() -> None:
    asked = (Asked("Who?", "He"), Asked("Why?", "No", abstained=True), Asked("Who?", "They"))
    units = [Unit(("One.",), asked, records=("r1",))]
    assert places_of(units, ["Two."]) == [
        Place("One.", ("Who?",), frozenset({"r1"})),
        Place("Two.", (), frozenset()),
    ]


def test_what_is_observed_is_what_choosing_sees(tiny_backbone: Path) -> None:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    memory = AdaptiveMemory(loaded, AdaptiveConfig(HEADS, 48))
    memory.addresser = plain = new_addresser(memory).requires_grad_(False)
    texts = [f"The keeper number {n} found the lamp." for n in range(4)]
    places = [Place(text, ("What was found?",), frozenset({text})) for text in texts]
    bundles = [(n, observe_window(memory, p.text)) for n, p in enumerate(places)]
    tokens = torch.tensor(loaded.tokenizer.encode(places[0].text)[:48])
    written = memory.write(tokens, {}).left["address"]
    assert all(torch.equal(written[name], bundles[0][1][name]) for name in written)
    book = memory.address_book(bundles)
    example = Example(2, **observe_question(memory, places[2].questions[0]))
    (scores,) = Fitting(memory, book, places).scores(plain, [example], torch.arange(4))
    ranked = memory.rank("What was found?", book, torch.arange(4))
    by_window = dict(zip(ranked.segments, ranked.scores.tolist(), strict=True))
    expected = [by_window[n] for n in (2, 0, 1, 3)]  # the right one first
    assert scores.tolist() == pytest.approx(expected, abs=1e-3)


def test_keys_are_compared_as_they_were_before_rope(tiny_backbone: Path) -> None:
    loaded = backbones.load(tiny_backbone, dtype=torch.float32)
    memory = AdaptiveMemory(loaded, AdaptiveConfig(HEADS, 48, slot_bits=8))
    memory.addresser = new_addresser(memory)
    bundle = observe_window(memory, "The keeper found the lamp behind the door.")
    book = memory.address_book([(0, bundle)])
    tokens = torch.tensor([*memory.sink, *loaded.tokenizer.encode("The keeper found the lamp ")])
    own = read_tokens(loaded.decoder, tokens).keys[1, 0, len(memory.sink) :]  # [T,d] of head (1,0)
    T = own.shape[0] - 1  # the last token may be another
    found = book.keys[0, 0, :T].float() * book.scale[0, 0, :T, None].float()
    torch.testing.assert_close(found, own[:T], atol=0.05, rtol=0.05)


def test_an_addresser_is_used_for_its_own_heads_alone(memory: AdaptiveMemory) -> None:
    c = memory.backbone.config
    own, other = new_addresser(memory), Addresser(((0, 0),), c.hidden_size, c.head_size)
    made = [
        AdaptiveMemory(memory.backbone, memory.config, addresser=given) for given in (own, other)
    ]
    assert made[0].addresser is own and made[1].addresser is None


def test_what_does_not_fit_is_refused(memory: AdaptiveMemory) -> None:
    with pytest.raises(BrokenCheckpoint, match="train it again"):
        Addresser.from_weights(HEADS, 8, 4, {"tokens": torch.zeros(2, 9), "mix": torch.ones(2)})
    with pytest.raises(InvalidRequest, match="too few"):
        fit_addresser(*made_up(memory, 3), AddressingPlan())
    with pytest.raises(InvalidRequest, match="epochs"):
        AddressingPlan(epochs=0)
    with pytest.raises(InvalidRequest, match="rates"):
        AddressingPlan(turning_rate=0.0)
