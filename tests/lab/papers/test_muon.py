"""Muon: torch's update, with matrices of one shape orthogonalised together."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lab.papers import muon
from lab.papers.muon import Muon, orthogonal

COEFFICIENTS, STEPS, EPS = (3.4445, -4.775, 2.0315), 5, 1e-7
SHAPES = [(8, 8), (8, 8), (16, 6), (6, 16)]


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in SHAPES]


def steps(optimizer: torch.optim.Optimizer, held: list[torch.nn.Parameter]) -> None:
    generator = torch.Generator().manual_seed(4)
    for number in range(4):
        for parameter in held:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        if number == 2:
            held[1].grad = None
        optimizer.step()


def literal(matrix: Tensor) -> Tensor:
    """One matrix, as Jordan et al. write it, in float64."""
    a, b, c = COEFFICIENTS
    wide = matrix.double() if matrix.shape[0] <= matrix.shape[1] else matrix.double().T
    wide = wide / wide.norm()
    for _ in range(STEPS):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T


@pytest.mark.parametrize("shape", [(8, 8), (16, 6), (6, 16)])
def test_orthogonalising_is_the_formula(shape, monkeypatch) -> None:
    monkeypatch.setattr(muon, "best_dtype", lambda _device: torch.float32)
    matrices = torch.randn((3, *shape), generator=torch.Generator().manual_seed(1))
    found = orthogonal(matrices, COEFFICIENTS, STEPS, EPS)
    for one, matrix in zip(found, matrices, strict=True):
        torch.testing.assert_close(one.double(), literal(matrix), atol=1e-4, rtol=1e-4)
        spread = torch.linalg.svdvals(one)
        assert 0.5 < float(spread.min()) <= float(spread.max()) < 1.3


def test_the_update_is_torchs(monkeypatch) -> None:
    """torch's is always in bfloat16: so here too, and what is left is the order of its sums."""
    monkeypatch.setattr(muon, "best_dtype", lambda _device: torch.bfloat16)
    ours, theirs = parameters(), parameters()
    steps(Muon(ours, lr=0.1, weight_decay=0.2), ours)
    steps(torch.optim.Muon(theirs, lr=0.1, weight_decay=0.2), theirs)
    for one, two, start in zip(ours, theirs, parameters(), strict=True):
        moved = torch.dist(start, two).item()
        assert moved > 0.1
        assert torch.dist(one, two).item() < 0.01 * moved


def test_the_rate_grows_with_height_and_weights_decay(monkeypatch) -> None:
    monkeypatch.setattr(muon, "best_dtype", lambda _device: torch.float32)
    (tall,) = (torch.nn.Parameter(torch.ones(16, 4)),)
    optimizer = Muon([tall], lr=0.1, weight_decay=0.5, nesterov=False)
    tall.grad = torch.randn((16, 4), generator=torch.Generator().manual_seed(5))
    wanted = 0.95 * torch.ones(16, 4) - 0.1 * math.sqrt(16 / 4) * literal(tall.grad)
    assert optimizer.step(lambda: 3.0) == 3.0
    torch.testing.assert_close(tall.detach().double(), wanted.double(), atol=1e-4, rtol=1e-4)
    buffer = optimizer.state[tall]["momentum_buffer"]
    torch.testing.assert_close(buffer, 0.05 * tall.grad)
