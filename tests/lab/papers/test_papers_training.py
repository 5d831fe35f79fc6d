"""Training the papers' systems: data, bit-identical resume, memory that pays, measuring."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tiny_systems import MAKERS, VOCABULARY, W, config, make
from torch import Tensor

from lab.papers.data import (
    FIRST_MENTION,
    NOT_A_NAME,
    BookTokenizer,
    Corpus,
    StreamPlan,
    Streams,
    echoed,
    train_tokenizer,
)
from lab.papers.evaluate import (
    by_distance,
    by_position,
    names_after_first,
    names_beyond,
    overall,
    read_books,
)
from lab.papers.names import find_names, rename
from lab.papers.train import Recipe, Trainer, load_trained, product_dtype, train
from memory_models.errors import BadData, BrokenCheckpoint, InvalidRequest
from memory_models.papers.system import state_floats

torch.set_num_threads(1)

STORY = """When Mara left Harbour, the fog lay on the water. "Mara," said Tobias, "Monday is no"
Nobody saw Mara again in Harbour, and Tobias waited, and Tobias wept.
On Monday, on Monday, on Monday, on Monday, on Monday, the harbour bell rang for Mara and Tobias.
The clock struck. The gull, said Mara, is Tobias, and a Gull is no gull. TOBIAS was silent.
"""


def corpus(books: Sequence[Sequence[int]], distances: Sequence[Sequence[int]] = ()) -> Corpus:
    tokens = [np.array(book, dtype=np.uint16) for book in books]
    far = distances or [[NOT_A_NAME] * len(book) for book in books]
    starts = np.cumsum([0, *map(len, books)], dtype=np.int64)
    return Corpus(np.concatenate(tokens), starts, np.concatenate(far).astype(np.int32))


def random_corpus(books: int = 3, length: int = 200) -> Corpus:
    rng = np.random.default_rng(0)
    return corpus([rng.integers(0, VOCABULARY, length + 7 * i).tolist() for i in range(books)])


RECIPE = Recipe(steps=6, rows=2, windows=8, passage=10, warmup=2, bfloat16=False)


def trainer(name: str = "melodi", recipe: Recipe = RECIPE, found: Corpus | None = None) -> Trainer:
    torch.manual_seed(0)
    system = MAKERS[name](config())
    length = recipe.steps * recipe.windows
    plan = StreamPlan(W, recipe.rows, length, recipe.passage, seed=1)
    return Trainer(system, Streams([found or random_corpus()], [1.0], plan), recipe)


def some_quick(*quick: str) -> list[Any]:
    """All systems; those that are not named are tried with -m slow."""
    return [
        name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in MAKERS
    ]


# -- names and tokens ----------------------------------------------------------------------------


def test_names_are_words_that_are_never_in_lower_case() -> None:
    assert find_names(STORY) == ["Mara", "Tobias"]  # Harbour has harbour, Monday is a weekday
    book = rename(STORY, "7")
    new = {book.text[m.start : m.end] for m in book.mentions}
    assert len(new) == 2
    assert not new & {"Mara", "Tobias"}
    assert "Mara" not in book.text
    assert "Tobias" not in book.text
    assert "TOBIAS" in book.text
    assert rename(STORY, "7") == book
    assert rename(STORY, "8").text != book.text
    back = book.text
    for name, old in zip(
        dict.fromkeys(book.text[m.start : m.end] for m in book.mentions),
        ("Mara", "Tobias"),
        strict=True,
    ):
        back = back.replace(name, old)
    assert back == STORY


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> BookTokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokens.model"
    train_tokenizer([STORY, "Zoë ate a jam tart.\n\nAnd slept."], 330, path)
    return BookTokenizer(path)


def test_too_few_texts_for_a_vocabulary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="4000 pieces"):
        train_tokenizer([STORY], 4000, tmp_path / "tokens.model")
    with pytest.raises(InvalidRequest, match="70000"):
        train_tokenizer([STORY], 70_000, tmp_path / "tokens.model")


def test_text_goes_through_tokens_unchanged(tokenizer) -> None:
    for text in (STORY, "", "  two  spaces\n\n\ttab ☃ snow\n", "Jörg & Zoë"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.vocabulary == 330


def test_name_tokens_know_how_long_ago_the_name_was_last(tokenizer) -> None:
    book = rename("Zoë ☃\n" + STORY, "7")
    ids, distances = tokenizer.encode_renamed(book)
    assert ids == tokenizer.encode(book.text)
    started: dict[str, int] = {}
    at, runs = 0, []
    while at < len(ids):
        if distances[at] == NOT_A_NAME:
            at += 1
            continue
        end = at
        while end < len(ids) and distances[end] == distances[at]:
            end += 1
        runs.append((at, end, distances[at]))
        at = end
    assert len(runs) == len(book.mentions)
    for (first, last, distance), mention in zip(runs, book.mentions, strict=True):
        name = book.text[mention.start : mention.end]
        assert name in tokenizer.decode([1, *ids[first:last], tokenizer.encode("")[-1]])
        assert distance == (first - started[name] if name in started else FIRST_MENTION)
        started[name] = first


def test_corpora_are_saved_and_loaded(tokenizer, tmp_path: Path) -> None:
    made = Corpus.encode(tokenizer, [STORY, rename(STORY, "1")])
    made.save(tmp_path / "books.npz")
    loaded = Corpus.load(tmp_path / "books.npz")
    for name in ("tokens", "starts", "distance"):
        assert np.array_equal(getattr(made, name), getattr(loaded, name))
    assert loaded.tokens.dtype == np.uint16
    assert loaded.book(0).tolist() == tokenizer.encode(STORY)
    assert (loaded.distances(0) == NOT_A_NAME).all()
    assert (loaded.distances(1) > FIRST_MENTION).sum() > 0
    with pytest.raises(BadData):
        Corpus.encode(tokenizer, [])


def test_streams_are_consecutive_text_and_restart_at_every_book() -> None:
    found = random_corpus()
    streams = Streams([found], [1.0], StreamPlan(W, 2, 60, 10, seed=1))
    tokens, fresh = streams.windows(0, 60)
    assert tokens.shape == (60, 2, W + 1)
    assert fresh[0].all()
    books = [found.book(i).tolist() for i in range(3)]
    for row in range(2):
        length = 0
        for t in range(60):
            length = 1 if fresh[t, row] else length + 1
            assert length <= 10
            if not fresh[t, row]:
                assert tokens[t, row, 0] == tokens[t - 1, row, -1]
            window = tokens[t, row].tolist()
            inside = [
                any(b[i : i + W + 1] == window for i in range(0, len(b) - W, W)) for b in books
            ]
            assert any(inside)
    later, _ = streams.windows(40, 5)
    assert torch.equal(later, tokens[40:45])
    other = Streams([found], [1.0], StreamPlan(W, 2, 60, 10, seed=2)).windows(0, 60)[0]
    assert not torch.equal(other, tokens)
    with pytest.raises(BadData):
        Streams([corpus([[1, 2, 3]])], [1.0], StreamPlan(W, 2, 60, 10, seed=1))


def test_passages_come_from_each_corpus_by_its_share() -> None:
    plain, renamed = random_corpus(), random_corpus()
    renamed.tokens[:] = 0
    plan = StreamPlan(W, 4, 500, 10, seed=1)
    for share in (0.0, 0.25, 1.0):
        tokens, _ = Streams([plain, renamed], [1 - share, share], plan).windows(0, 500)
        zeros = float((tokens.flatten(0, 1).sum(-1) == 0).float().mean())
        assert zeros == pytest.approx(share, abs=0.12 if 0 < share < 1 else 0.001)


def test_echoes_say_what_stood_so_far_back() -> None:
    books = [np.arange(n) for n in (6000, 50, 3)]
    found = corpus([book.tolist() for book in books])
    made = echoed(found, 1)
    assert np.array_equal(made.starts, found.starts)
    assert made.tokens.dtype == found.tokens.dtype
    tokens, distance = made.book(0), made.distances(0)
    at = np.flatnonzero(distance != NOT_A_NAME)
    assert (tokens[at] == tokens[at - distance[at]]).all()
    assert 0.4 < len(at) / len(tokens) < 0.7
    assert distance.max() > 1000
    new = np.sort(np.unique(tokens))
    assert np.array_equal(new, np.arange(len(new)))  # the text itself goes on without a gap
    assert np.array_equal(echoed(found, 1).tokens, made.tokens)
    assert not np.array_equal(echoed(found, 2).tokens, made.tokens)


# -- training ------------------------------------------------------------------------------------


MUON = replace(RECIPE, optimizer="muon")


@pytest.mark.parametrize("name", some_quick("infini_delta", "compressive", "melodi"))
def test_a_killed_run_ends_in_the_same_bits(name, tmp_path: Path) -> None:
    whole = trainer(name, MUON)
    train(whole, tmp_path / "whole.safetensors", lambda _t, _loss: None)
    broken = trainer(name, MUON)
    for _ in range(4):
        broken.step()
        broken.save(tmp_path / "broken.safetensors")
    resumed = trainer(name, MUON)
    train(resumed, tmp_path / "broken.safetensors", lambda _t, _loss: None)
    assert resumed.progress.step == whole.progress.step == 6
    for (parameter, one), (_, two) in zip(
        whole.system.named_parameters(), resumed.system.named_parameters(), strict=True
    ):
        assert torch.equal(one, two), parameter
    for one, two in zip(whole.state, resumed.state, strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", ["compressive", "infini_delta", "melodi", "memorizing"])
def test_checkpointing_windows_changes_nothing(name) -> None:
    plain, again = trainer(name), trainer(name, replace(RECIPE, checkpointing=True))
    for _ in range(3):
        assert plain.step() == pytest.approx(again.step(), abs=1e-6)
    for one, two in zip(plain.system.parameters(), again.system.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("native", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", some_quick("infini_linear", "memorizing", "melodi"))
def test_bfloat16_and_adafactor_take_a_step(name, native, monkeypatch) -> None:
    monkeypatch.setattr("lab.papers.train.best_dtype", lambda _device: native)
    seen = set()
    plain = F.linear

    def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        made = plain(x, weight, bias)
        seen.add(made.dtype)
        return made

    monkeypatch.setattr(F, "linear", linear)
    found = trainer(name, replace(RECIPE, bfloat16=True, optimizer="adafactor", rate=0.01))
    losses = [found.step() for _ in range(3)]
    assert native in seen
    assert product_dtype(found.system, True) is native
    assert product_dtype(found.system, False) is torch.float32
    assert all(math.isfinite(loss) for loss in losses)
    assert all(bool(p.isfinite().all()) for p in found.system.parameters())


@pytest.mark.parametrize("recipe", [RECIPE, MUON])
def test_gates_have_their_own_rate_and_nothing_but_matrices_decays(recipe) -> None:
    found = trainer("infini_linear", recipe)
    groups = [group for optimizer in found.optimizers for group in optimizer.param_groups]
    of = {id(p): group for group in groups for p in group["params"]}
    for name, parameter in found.system.named_parameters():
        group = of[id(parameter)]
        matrix = name.endswith(("proj.weight", "shift.linear.weight"))
        rate = RECIPE.gate_rate if name == "gate.beta" else RECIPE.rate
        assert group["first_lr"] == (MUON.muon_rate if matrix and recipe is MUON else rate)
        assert bool(group["weight_decay"]) is matrix, name
    assert [RECIPE.factor(step) for step in (0, 1, 2)] == [0.5, 1.0, 1.0]
    assert RECIPE.factor(RECIPE.steps) == pytest.approx(RECIPE.last_rate)


def test_recipes_that_cannot_be_are_refused() -> None:
    for wrong in ({"optimizer": "sgd"}, {"renamed": 0.6, "echoed": 0.6}, {"echoed": -0.1}):
        with pytest.raises(InvalidRequest):
            replace(RECIPE, **wrong)


def test_a_checkpoint_of_another_system_is_refused(tmp_path: Path) -> None:
    trainer("melodi").save(tmp_path / "a.safetensors")
    with pytest.raises(BrokenCheckpoint, match="another system"):
        trainer("xl").load(tmp_path / "a.safetensors")
    system = MAKERS["melodi"](config())
    assert load_trained(system, tmp_path / "a.safetensors").step == 0
    for one, two in zip(system.parameters(), trainer("melodi").system.parameters(), strict=True):
        assert torch.equal(one, two)


def copying_books(books: int, seed: int) -> Corpus:
    """Every book says one line of its own, longer than a window, again and again."""
    lines = np.random.default_rng(seed).integers(0, VOCABULARY, (books, 9))
    return corpus([np.tile(line, 12)[: 8 * W + 1].tolist() for line in lines])


def own_word_books(books: int, seed: int) -> Corpus:
    """Every window opens alike and then says a word of the book's own, which only memory knows."""
    own = np.random.default_rng(seed).integers(10, 22, books).tolist()
    return corpus([([1, *[word] * (W - 1)] * 8 + [1])[: 8 * W + 1] for word in own])


def learnt(name: str, books: Callable[[int, int], Corpus], steps: int) -> float:
    """Nats of tokens late in unseen books after a short training."""
    recipe = replace(RECIPE, steps=steps, rows=16, passage=8, rate=1e-2, warmup=5)
    torch.manual_seed(0)
    system = MAKERS[name](config(layers=2))
    if name.startswith("infini"):  # its gate needs more steps to open than a test has
        torch.nn.init.zeros_(system.gate.beta)
    plan = StreamPlan(W, recipe.rows, steps * recipe.windows, recipe.passage, seed=1)
    found = Trainer(system, Streams([books(400, 1)], [1.0], plan), recipe)
    for _ in range(steps):
        found.step()
    return by_position(read_books(system, books(40, 3), 8 * W, False, rows=20), W)[-1].nats


@pytest.mark.slow
@pytest.mark.parametrize(
    ("books", "steps", "names", "gain"),
    [
        (copying_books, 60, ("xl", "memorizing", "block_recurrent", "melodi"), 0.1),
        (own_word_books, 60, ("infini_linear", "infini_delta"), 0.4),
    ],
)
def test_memory_pays_on_a_stream_that_repeats(books, steps, names, gain) -> None:
    plain = learnt("window", books, steps)
    for name in names:
        assert learnt(name, books, steps) < plain - gain, name


# -- measuring -----------------------------------------------------------------------------------


@torch.no_grad()
def test_reading_books_gives_every_token_its_nats() -> None:
    system = make("melodi")
    found = random_corpus()
    for rows in (1, 2, 3):
        reading = read_books(system, found, 150, False, rows)
        assert [len(nats) for nats in reading.nats] == [150, 150, 150]
        assert reading.books == (0, 1, 2)
        assert reading.tokens_per_second > 0
        tokens = torch.from_numpy(found.book(1)[:151].astype(np.int64))[None]
        state, expected = system.empty(1), []
        for start in range(0, 150, W):
            logits, state = system(tokens[:, start : start + W], state)
            wanted = tokens[0, start + 1 : start + W + 1]
            expected.append(torch.nn.functional.cross_entropy(logits[0], wanted, reduction="none"))
        torch.testing.assert_close(
            torch.from_numpy(reading.nats[1]), torch.cat(expected), atol=2e-5, rtol=1e-5
        )
        assert reading.floats == state_floats(system, state)
    with pytest.raises(BadData):
        read_books(system, corpus([[1, 2]]), 150, False, 1)


def test_means_are_of_the_tokens_they_say() -> None:
    book = [1] * 25
    far = [NOT_A_NAME] * 25
    far[2:4], far[9:11], far[20] = [FIRST_MENTION] * 2, [7, 7], 11
    found = corpus([[0] * 3, book], [[NOT_A_NAME] * 3, far])
    reading = read_books(make("window"), found, 24, False, 1)
    assert reading.books == (1,)
    nats = reading.nats[0]
    assert overall(reading).nats == pytest.approx(nats.mean(), rel=1e-5)
    assert [mean.count for mean in by_position(reading, W)] == [6, 6, 12]
    assert names_after_first(reading, found).count == 3
    (near,) = by_distance(reading, found, W)
    assert (near.low, near.high, near.count) == (1.0, 2.0, 3)
    assert near.nats == pytest.approx(nats[[8, 9, 19]].mean(), rel=1e-5)
    assert names_beyond(reading, found, 10).count == 1
