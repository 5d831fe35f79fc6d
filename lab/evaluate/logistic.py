"""Logistic regression by Newton's method, with a ridge, so that separable data stay finite."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 50


def logistic(design: Tensor, labels: Tensor, ridge: Tensor, shares: Tensor) -> Tensor:
    """Weights [k] of design [n,k]; ridge [k]: the penalty of each; shares [n]: of the examples."""
    weights = design.new_zeros(design.shape[1])
    for _ in range(STEPS):
        p = (design @ weights).sigmoid()
        slope = design.T @ (shares * (labels - p)) - ridge * weights
        curvature = (design * (shares * p * (1 - p)).unsqueeze(1)).T @ design + ridge.diag()
        weights = weights + torch.linalg.solve(curvature, slope)
    return weights
