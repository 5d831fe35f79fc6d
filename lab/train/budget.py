"""How long and how fast to train."""

from __future__ import annotations

from dataclasses import dataclass

from memory_models.errors import InvalidRequest

FALL = 0.2  # fraction of the budget over which the learning rate falls to zero


@dataclass(frozen=True, slots=True)
class Budget:
    """How long and how fast to train. tokens: trained-on tokens in all."""

    tokens: int
    learning_rate: float = 1e-3
    warm_up: int = 30  # steps
    accumulate: int = 6  # units a step
    seed: int = 0
    checkpoint_seconds: float = 240.0
    validate_seconds: float = 1500.0

    def __post_init__(self) -> None:
        if self.tokens < 1 or self.accumulate < 1 or self.learning_rate <= 0:
            raise InvalidRequest(f"{self}: tokens, accumulate and learning_rate must be positive.")

    def rate(self, step: int, tokens: int) -> float:
        """Learning rate of a step that begins after `tokens`."""
        rising = min(1.0, (step + 1) / self.warm_up)
        left = max(0.0, 1 - tokens / self.tokens)
        return self.learning_rate * rising * min(1.0, left / FALL)

    def units_each(self, processes: int) -> int:
        """Units of a step for each process. Raises InvalidRequest where they do not divide."""
        each, left = divmod(self.accumulate, processes)
        if left or not each:
            fits = [n for n in range(1, self.accumulate + 1) if self.accumulate % n == 0]
            raise InvalidRequest(
                f"A step has {self.accumulate} units, which {processes} processes cannot share "
                f"evenly; start {', '.join(map(str, fits))} of them."
            )
        return each
