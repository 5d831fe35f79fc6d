"""What it costs to read a file in a process of its own: `python -m lab.bench.parsing FILE ...`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from ingest.isolation.parent import read_apart
from ingest.readers import read_book

TIMES = 7


def cost(act: Callable[[], object]) -> tuple[float, float]:
    """Median seconds that something takes: on the clock, and of processors, children included.

    The second is what an idle machine takes.
    """
    clocks, processors = [], []
    for _ in range(TIMES):
        clock, processor = perf_counter(), sum(os.times()[:4])
        act()
        clocks.append(perf_counter() - clock)
        processors.append(sum(os.times()[:4]) - processor)
    return median(clocks), median(processors)


def main() -> None:
    """Print a line for each file that is named."""
    for path in map(Path, sys.argv[1:]):
        data, name = path.read_bytes(), path.name
        here = cost(lambda: read_book(data, name))  # noqa: B023 - called at once
        apart = cost(lambda: read_apart(data, name))  # noqa: B023 - called at once
        more, processor = (after - before for before, after in zip(here, apart, strict=True))
        sys.stdout.write(
            f"{name}: {len(data):,} bytes, {here[0]:.2f} s here, {apart[0]:.2f} s apart: "
            f"{more:.2f} s more on the clock, {processor:.2f} s more of processors\n"
        )


if __name__ == "__main__":
    main()
