"""A tiny random Llama in a folder, settings that use it, and an empty library, for every test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from tiny import DTYPE

import ingest.readers
from app.library import Library
from app.settings import Settings, read_settings
from ingest.book import Book
from ingest.isolation.limits import Limits
from ingest.structures.exported import open_exported
from lab.bench.hard.tiny import CALIBRATION, write_backbone

settings.load_profile("ci")  # the same examples everywhere, however slow the machine

DTYPE_NAME = str(DTYPE).removeprefix("torch.")
WITHOUT_NUMBERS = tuple(
    f"test_{name}" for name in ("cli", "kill", "papers", "store", "migration", "ui")
)
"""Beginnings of test modules of the product whose subject is not what is computed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `numbers` what CI runs in bfloat16, too: the product's tests that use a backbone."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        computes = folder == "memory_models" or "tiny_backbone" in getattr(item, "fixturenames", ())
        if folder != "lab" and computes and not item.path.name.startswith(WITHOUT_NUMBERS):
            item.add_marker(pytest.mark.numbers)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for whole folders; a file or two is done before a second one has started."""
    return 2 if all(Path(given).is_dir() for given in config.args) else 0


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """The machine is shared, and bits depend on the number of threads."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def one_dtype() -> Iterator[None]:
    """The same numbers on every machine: processors that multiply bfloat16 would choose it.

    BOOKSTATE_TEST_DTYPE=bfloat16 has everything computed in bfloat16, emulated where need be.
    """
    fast = {"bf16": DTYPE is torch.bfloat16}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", lambda: fast)
        patch.setenv("BOOKSTATE_DTYPE", DTYPE_NAME)
        yield


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read without a child, which would cost a quarter of a second for each.

    A module whose subject is the child has a fixture of the same name that does nothing.
    """

    def read_here(
        data: bytes,
        name: str,
        *,
        password: str | None,
        limits: Limits,
        recognised: dict[int, str] | None = None,
    ) -> Book:
        return ingest.readers.read_book(data, name, password=password, recognised=recognised)

    def opened_here(path: Path, most_members: int, limits: Limits) -> Any:
        return open_exported(path, most_members)

    monkeypatch.setattr("app.intake.register.read_apart", read_here)
    monkeypatch.setattr("app.exchange.archive.opened_apart", opened_here)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the user's data folder, settings or network."""
    folder = tmp_path / "home"
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BOOKSTATE_{name.upper()}", raising=False)
    monkeypatch.setenv("BOOKSTATE_HOME", str(folder))
    monkeypatch.setenv("BOOKSTATE_THREADS", "1")
    monkeypatch.setenv("BOOKSTATE_DTYPE", DTYPE_NAME)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random Llama: 3 layers, 4 query heads, 2 key/value heads of 8."""
    folder = write_backbone(tmp_path_factory.mktemp("backbones") / "tiny", seed=7)
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION), "utf-8")
    return folder


@pytest.fixture(scope="session")
def other_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same shape with other weights, and not calibrated."""
    return write_backbone(tmp_path_factory.mktemp("backbones") / "other", seed=8)


@pytest.fixture(scope="session")
def slow_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wider one, whose reading of a few pages takes seconds."""
    folder = tmp_path_factory.mktemp("backbones") / "slow"
    return write_backbone(folder, seed=9, hidden=128, layers=6)


@pytest.fixture
def settings(home: Path, tiny_backbone: Path) -> Settings:
    """Windows of 32 tokens, four of them a question, answers of 12 tokens."""
    return read_settings(
        home=home,
        backbone=str(tiny_backbone),
        window=32,
        windows=4,
        keep_ratio=0.25,
        answer_tokens=12,
        threads=1,
    )


@pytest.fixture
def library(settings: Settings) -> Iterator[Library]:
    """An empty library over the tiny backbone."""
    opened = Library(settings)
    yield opened
    opened.close()
