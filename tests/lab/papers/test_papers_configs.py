"""The papers' systems and sizes by name: each can be built, with the paper's proportions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.papers.configs import ABLATIONS, SIZES, SYSTEMS, build, parse, recipe_of
from lab.papers.data import NOT_A_NAME, Corpus, StreamPlan, Streams
from lab.papers.train import Trainer
from memory_models.errors import InvalidRequest
from memory_models.papers.system import parameters_of, state_floats


@pytest.mark.parametrize("name", [*SYSTEMS, *ABLATIONS])
def test_every_system_can_be_built_and_read_at_mini_size(name) -> None:
    size = SIZES["mini"]
    system = build(name, size)
    assert 1e6 < parameters_of(system) < 2e6
    recipe = recipe_of(name, size)
    assert recipe.windows * system.window == 8 * size.window
    tokens = torch.zeros(1, system.window, dtype=torch.int64)
    with torch.no_grad():
        logits, _ = system(tokens, system.empty(1))
    assert logits.shape == (1, system.window, size.decoder.vocab_size)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("size", ["small", "paper"])
def test_larger_sizes_are_configured(size, name) -> None:
    """Shapes only: on the meta device nothing is allocated."""
    with torch.device("meta"):
        system = build(name, SIZES[size])
    low, high = (25e6, 40e6) if size == "small" else (190e6, 270e6)
    assert low < parameters_of(system) < high


def test_memory_sizes_stand_as_in_the_papers() -> None:
    """MELODI S128+L64 has an eighth of Memorizing's floats, Infini less than a hundredth."""
    size = SIZES["mini"]
    floats = {}
    windows = {"memorizing": size.queue, "melodi_s128_l64": size.queue, "infini_delta": 1}
    for name, count in windows.items():
        system = build(name, size)
        state = system.empty(1)
        tokens = torch.zeros(1, system.window, dtype=torch.int64)
        with torch.no_grad():
            for _ in range(count):
                _, state = system(tokens, state)
        floats[name] = state_floats(system, state)
    assert floats["memorizing"] == 8 * floats["melodi_s128_l64"]
    assert floats["memorizing"] > 100 * floats["infini_delta"]


def test_changes_behind_a_name() -> None:
    size = SIZES["mini"]
    system, options = parse("melodi_s128_l64@queue=8,memory=short,branching=off", size)
    assert system == "melodi_s128_l64"
    assert (options.queue, options.memory, options.branching) == (8, "short", False)
    for wrong in ("elephant", "xl@speed=3", "xl@window=wide", "melodi_s128_l64@branching=2"):
        with pytest.raises(InvalidRequest):
            parse(wrong, size)
    with pytest.raises(InvalidRequest):
        build("melodi_s128_l64@memory=medium", size)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["melodi_s128_l64", "infini_delta"])
def test_one_step_at_the_papers_size(name) -> None:
    """Needs 5 GB."""
    size = SIZES["paper"]
    recipe = replace(size.recipe, rows=1, steps=1, windows=2)
    tokens = np.random.default_rng(0).integers(0, 32768, 2000).astype(np.uint16)
    distances = np.full(2000, NOT_A_NAME, dtype=np.int32)
    found = Corpus(tokens, np.array([0, 2000], dtype=np.int64), distances)
    plan = StreamPlan(size.window, 1, 2, recipe.passage, seed=0)
    loss = Trainer(build(name, size), Streams([found], [1.0], plan), recipe).step()
    assert loss == pytest.approx(math.log(32768), abs=0.5)
