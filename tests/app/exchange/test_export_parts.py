"""A killed export leaves its half-written file until the next start, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from novels import read_novel

from app.exchange import export as exporting
from app.exchange.export import export_document
from app.exchange.parts import delete_leftovers, noted_part
from app.library import Library
from app.settings import Settings


def kill_while_writing(home: Path, out: Path) -> Path:
    """A process that notes a part, writes some of it and is killed; returns the part."""
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from app.exchange.parts import noted_part\n"
        "with noted_part(Path(sys.argv[1]), Path(sys.argv[2])) as part:\n"
        "    part.write_bytes(b'half')\n"
        "    print(part, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", script, str(home), str(out)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return Path(done.stdout.strip())


def test_the_next_start_deletes_it(settings: Settings, tmp_path: Path) -> None:
    part = kill_while_writing(settings.home, tmp_path / "book.bookstate")
    assert part.parent == tmp_path and part.read_bytes() == b"half"
    (tmp_path / ".0123456789abcdef.part").write_bytes(b"somebody else's")
    Library(settings).close()
    assert [p.name for p in tmp_path.glob(".*.part")] == [".0123456789abcdef.part"]
    assert list((settings.home / "exports").iterdir()) == []


def test_a_running_export_is_left_alone(tmp_path: Path) -> None:
    with noted_part(tmp_path / "home", tmp_path / "out") as part:
        part.write_bytes(b"being written")
        delete_leftovers(tmp_path / "home")
        assert part.exists()
    assert not part.exists() and list((tmp_path / "home" / "exports").iterdir()) == []


def test_a_note_that_names_another_file_deletes_nothing(tmp_path: Path) -> None:
    folder, precious = tmp_path / "exports", tmp_path / "precious.txt"
    folder.mkdir()
    precious.write_text("x")
    (folder / "a.lock").touch()
    (folder / "a.note").write_text(str(precious))
    (folder / "b.lock").touch()  # killed before it wrote its note
    delete_leftovers(tmp_path)
    assert precious.exists() and list(folder.iterdir()) == []


def test_an_export_that_fails_leaves_nothing(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_novel(library)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(exporting.InvalidArchive, match="No space left"):
            export_document(library.store, document.id, tmp_path / "out")
    assert list(tmp_path.glob(".*.part")) == [] and not (tmp_path / "out").exists()
    export_document(library.store, document.id, tmp_path / "out")
    assert list((library.settings.home / "exports").iterdir()) == []
