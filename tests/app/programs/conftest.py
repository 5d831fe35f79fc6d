"""One server with two accounts for all tests of programs, and a model that is slow on demand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from program_server import TOKENS, ProgramServer, program_server
from torch import Tensor

from memory_models.memories.adaptive import SlotReading

STEP_SECONDS = 0.1


@pytest.fixture(scope="session")
def programs(
    tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path
) -> Iterator[ProgramServer]:
    home = tmp_path_factory.mktemp("programs")
    with program_server(home, tiny_backbone, accounts=True, answer_tokens=TOKENS) as served:
        yield served


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A slow model, whose answer takes seconds unless it is stopped; when it took each step."""
    taken: list[float] = []
    step = SlotReading.step

    def slow(*given: Any, **named: Any) -> Tensor:
        time.sleep(STEP_SECONDS)
        taken.append(time.monotonic())
        return step(*given, **named)

    monkeypatch.setattr(SlotReading, "step", slow)
    return taken
