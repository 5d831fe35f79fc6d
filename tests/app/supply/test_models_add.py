"""`models add`: a GGUF file is checked apart, converted once and then used like any backbone."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.supply.gguf import check_gguf
from ingest.book import TooLarge, UnreadableDocument
from ingest.isolation import parent
from ingest.structures.gguf import LONGEST_LIST, read_gguf
from lab.bench.hard.tiny import write_gguf
from memory_models import backbone
from memory_models.errors import BrokenCheckpoint, ModelNotFound


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny-model.gguf")


@pytest.fixture
def changed(gguf: Path, tmp_path: Path) -> Callable[[bytes, bytes], Path]:
    """The file with some bytes replaced once."""

    def change(old: bytes, new: bytes) -> Path:
        data = gguf.read_bytes()
        assert old in data
        (tmp_path / "changed.gguf").write_bytes(data.replace(old, new, 1))
        return tmp_path / "changed.gguf"

    return change


def test_it_is_added_and_used(gguf: Path, home: Path) -> None:
    done = CliRunner().invoke(app, ["models", "add", str(gguf), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["name"], found["family"], found["vocabulary"]) == ("tiny-model", "llama", 300)
    loaded = backbone.load(home / "models" / "tiny-model")
    text = "The lighthouse keeper lit the lamp."
    assert loaded.tokenizer.decode(loaded.tokenizer.encode(text)) == text
    assert sum(p.numel() for p in loaded.decoder.parameters()) == found["parameters"]
    again = CliRunner().invoke(app, ["models", "add", str(gguf)])
    assert again.exit_code == 1 and "is here already" in again.stderr
    assert [p.name for p in (home / "models").iterdir()] == ["tiny-model"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"GGUF", b"GGUX", "not a GGUF file"),
        (struct.pack("<I", 3), struct.pack("<I", 1), "version 1"),
        (b"\5\0\0\0\0\0\0\0llama", b"\5\0\0\0\0\0\0\0alpha", "family 'alpha'"),
        (struct.pack("<Q", 11), struct.pack("<Q", 1 << 50), "tensors and the limit"),
        (struct.pack("<IQ", 8, 300), struct.pack("<IQ", 8, 1 << 60), "values in one list"),
        (struct.pack("<IQ", 8, 300), struct.pack("<IQ", 9, 300), "lists"),
        (b"llama.block_count", b"llama.block_coun!", "a name in it"),
        (struct.pack("<2QI", 32, 300, 0), struct.pack("<2QI", 32, 1 << 60, 0), "impossible"),
        (struct.pack("<2QI", 32, 300, 0), struct.pack("<2QI", 32, 30_000, 0), "outside|another"),
        (struct.pack("<2QI", 32, 300, 0), struct.pack("<2QI", 32, 300, 99), "unknown way 99"),
        (struct.pack("<2QI", 32, 300, 0), struct.pack("<2QI", 33, 300, 2), "impossible"),
    ],
)
def test_a_damaged_file_is_refused(
    changed: Callable[[bytes, bytes], Path], old: bytes, new: bytes, says: str
) -> None:
    with pytest.raises(UnreadableDocument, match=says) as caught:
        read_gguf(changed(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 3, 30, 1000, 5000])
def test_a_truncated_file_is_refused(gguf: Path, tmp_path: Path, keep: int) -> None:
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:keep])
    with pytest.raises(UnreadableDocument, match="ends in the middle"):
        read_gguf(tmp_path / "cut.gguf")
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[: -max(1, keep)])
    with pytest.raises(UnreadableDocument, match=r"ends in the middle|outside of the file"):
        read_gguf(tmp_path / "cut.gguf")


def test_it_is_checked_in_the_child(
    gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_gguf(gguf)["tensors"] == 11
    large = tmp_path / "large.gguf"  # larger than the child's memory: it reads the beginning only
    large.write_bytes(gguf.read_bytes())
    with large.open("r+b") as file:
        file.truncate(3 << 30)
    assert check_gguf(large)["tensors"] == 11
    lists = [
        struct.pack("<Q", 3) + f"k{number}".encode() + struct.pack("<IIQ", 9, 0, LONGEST_LIST)
        for number in range(10, 80)
    ]
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, len(lists))
    (tmp_path / "many.gguf").write_bytes(start + bytes(LONGEST_LIST).join([*lists, b""]))
    with pytest.raises(TooLarge, match="before its first tensor"):
        check_gguf(tmp_path / "many.gguf")
    nonsense = "import ingest.structures.gguf as g; g.read_gguf = lambda p: g.GgufOutline(1, 2, 3, "
    nonsense += "4, 5)\nimport ingest.child; ingest.child.main()"
    monkeypatch.setattr(parent, "_CHILD", ("-c", nonsense))
    with pytest.raises(BrokenCheckpoint, match="nonsense"):
        check_gguf(gguf)
    crash = nonsense.replace("g.Gguf", "__import__('os').abort() or g.Gguf")
    monkeypatch.setattr(parent, "_CHILD", ("-c", crash))
    with pytest.raises(UnreadableDocument, match="breaks the program"):
        check_gguf(gguf)


def test_what_cannot_be_converted_is_one_sentence(
    changed: Callable[[bytes, bytes], Path], home: Path
) -> None:
    """Sound as a file, and no model."""
    file = changed(b"blk.0.ffn_up.weight", b"blk.0.ffn_xx.weight")
    read_gguf(file)
    done = CliRunner().invoke(app, ["models", "add", str(file)])
    assert done.exit_code == 1 and "mlp.up_proj.weight, of which its model" in done.stderr
    assert isinstance(done.exception, SystemExit)
    assert list((home / "models").iterdir()) == []


def test_a_models_folder_that_is_no_folder_is_one_sentence(gguf: Path, home: Path) -> None:
    home.mkdir()
    (home / "models").symlink_to(home / "gone")
    with pytest.raises(ModelNotFound, match="No backbone can be stored"):
        backbone.add_gguf(gguf, home / "models" / "x", lambda *_: None)
    done = CliRunner().invoke(app, ["models", "list"])
    assert done.exit_code == 0
