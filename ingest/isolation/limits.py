"""How much memory and time reading one file may take."""

from __future__ import annotations

from dataclasses import dataclass

LEAST_MEMORY = 128 << 20  # the readers' libraries alone take about 80 MiB


class InvalidLimitError(ValueError):
    """A limit has a value that no file could be read under."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the process that reads one file may use; a larger file may take longer.

    Raises InvalidLimitError for less than 128 MiB of memory or no time.
    """

    memory_bytes: int = 1 << 30
    seconds: float = 60.0
    seconds_per_mb: float = 1.0

    def __post_init__(self) -> None:
        if self.memory_bytes < LEAST_MEMORY:
            raise InvalidLimitError(
                f"memory_bytes is {self.memory_bytes}; it must be at least {LEAST_MEMORY}"
            )
        if self.seconds <= 0 or self.seconds_per_mb < 0:
            raise InvalidLimitError(
                f"seconds is {self.seconds} and seconds_per_mb {self.seconds_per_mb}; the first "
                "must be above 0 and the second not below"
            )

    def seconds_for(self, size: int) -> float:
        """How long a file of ``size`` bytes may keep the processor; thrice that on the clock."""
        return self.seconds + self.seconds_per_mb * size / 1e6

    @property
    def most_file(self) -> int:
        """Bytes of the largest file that is tried at all."""
        return self.memory_bytes // 2

    @property
    def most_text(self) -> int:
        """Bytes of the longest text that is taken back, in UTF-8."""
        return self.memory_bytes // 16


LIMITS = Limits()
