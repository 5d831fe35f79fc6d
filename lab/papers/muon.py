"""Muon (Jordan et al., 2024), as in torch, faster on CPUs: matrices of one shape go together.

torch orthogonalizes each matrix separately and always in bfloat16. Processors without bfloat16
products emulate it fifty times slower than float32. Here it is float32 where `best_dtype` says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from memory_models.backbone import best_dtype


class Muon(torch.optim.Muon):
    """torch's arguments, state and update; only `step` is implemented differently."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes.setdefault(parameter.shape, []).append(parameter)
            for parameters in shapes.values():
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Parameters [A,B] of one shape: momentum, orthogonalization, decay, step."""
        momentum = group["momentum"]
        wanted: list[Tensor] = []
        for parameter in parameters:
            assert parameter.grad is not None
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter.grad)
            state["momentum_buffer"].lerp_(parameter.grad, 1 - momentum)
            buffer = state["momentum_buffer"]
            wanted.append(parameter.grad.lerp(buffer, momentum) if group["nesterov"] else buffer)
        found = orthogonal(
            torch.stack(wanted), group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        A, B = parameters[0].shape
        rate = group["lr"] * math.sqrt(max(1, A / B))
        for parameter, update in zip(parameters, found, strict=True):
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(update, alpha=-rate)


def orthogonal(
    matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Newton-Schulz: matrices [N,A,B] -> [N,A,B] whose singular values are all near 1."""
    a, b, c = coefficients
    A, B = matrices.shape[1:]
    found = matrices.to(best_dtype(matrices.device))
    if A > B:
        found = found.mT
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = found @ found.mT
        found = torch.baddbmm(
            found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a
        )
    return (found.mT if A > B else found).to(matrices.dtype)
