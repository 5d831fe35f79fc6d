"""A tiny random Llama in a folder, settings that use it, and an empty library, for every test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from safetensors.torch import save_file
from tiny import DTYPE
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

import ingest.readers
from app.library import Library
from app.settings import Settings, read_settings
from ingest.book import Book
from ingest.isolation.limits import Limits
from memory_models.decoder import Decoder, DecoderConfig

settings.load_profile("ci")  # the same examples everywhere, however slow the machine

DTYPE_NAME = str(DTYPE).removeprefix("torch.")
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SENTENCES = (
    "The lighthouse keeper lit the lamp every evening before the fog came in.",
    "A grey cat slept on the warm stones beside the harbour wall.",
    "Answer the question about the story briefly. Question: who found the key?",
    "Repeat the text above. Summarize what happens in one or two sentences.",
    "Mara Tobias Ilse Anton Greta Joren found hid lost mended painted sold carried forgot.",
    "the lamp the key the boat the letter the gull the storm the cellar the clock the garden",
    "in the harbour by the mill under the stairs at the inn behind the church borrowed buried",
)
CALIBRATION = {
    "address_heads": [[1, 0], [1, 2], [2, 1]],
    "confidence": {"bias": 0.0, "gain": 1.0, "log_prob": 0.0, "threshold": 0.0},
}


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

    def read_here(data: bytes, name: str, *, password: str | None, limits: Limits) -> Book:
        return ingest.readers.read_book(data, name, password=password)

    monkeypatch.setattr("app.register.read_apart", read_here)


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


def byte_level_tokenizer(vocabulary: int = 480) -> Tokenizer:
    """A small byte-level BPE with the ChatML control tokens."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=CONTROLS,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def write_backbone(folder: Path, seed: int, hidden: int = 32, layers: int = 3) -> Path:
    """A random Llama with 4 query and 2 key/value heads, as a Hugging Face folder.

    Tokens that are no whole characters have embeddings of zero, so that it does not say them.
    """
    folder.mkdir(parents=True)
    tokenizer = byte_level_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "model_type": "llama",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": hidden // 4,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        names = {n: p.shape for n, p in Decoder(DecoderConfig.from_json(config)).named_parameters()}
    weights = {
        name: torch.ones(shape)
        if "norm" in name
        else torch.randn(shape, generator=generator) * (0.5 if "embed" in name else 0.2)
        for name, shape in names.items()
        if name != "lm_head.weight"
    }
    for token in range(config["vocab_size"]):
        if not tokenizer.decode([token], skip_special_tokens=False).isascii():
            weights["model.embed_tokens.weight"][token] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
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
