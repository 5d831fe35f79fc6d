"""`python -m lab.bench.hard.mutation_child NAME FIRST LAST`: reads changed files, one a line.

It prints each number before it reads that file, so that a crash, too, has a number, and what came
of it afterwards. The readers run under the limits of the product's child.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from ingest.book import UnreadableDocument
from ingest.isolation import confine
from lab.bench.hard.mutate import corpus, mutated

SECONDS = 60  # of the clock, for one small file
MEMORY = 1 << 30
ARCHIVES = (".bookstate",)
Read = Callable[[bytes], None]


class TookLong(BaseException):
    """A file took longer than `SECONDS`; no reader may catch this."""


def main() -> None:
    """Read the files that the command line names."""
    name, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    data = corpus()[name]
    with ExitStack() as stack:
        read = _reader(name, stack)
        read(data)  # the libraries are imported, and the file itself is in order
        signal.signal(signal.SIGALRM, _too_long)
        if sys.platform == "linux" and not name.endswith(ARCHIVES):  # torch takes more than that
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        for number in range(first, last):
            sys.stdout.write(f"{number} ")
            sys.stdout.flush()
            changed = mutated(name, data, number)
            sys.stdout.write(f"{_outcome(read, changed)}\n")


def _outcome(read: Read, data: bytes) -> str:
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        read(data)
    except UnreadableDocument:
        return "refused"
    except MemoryError:
        return "memory"  # the product's child refuses it as too large
    except TookLong:
        return "hang"
    except Exception as error:  # noqa: BLE001 - what is looked for
        return f"exception {type(error).__name__}: {error!s:.100}".replace("\n", " ")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "read"


def _reader(name: str, stack: ExitStack) -> Read:
    """How the product reads a file of this kind; whatever it refuses with is one error here."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    if name.endswith(ARCHIVES):
        return _importer(folder, stack)
    if name.endswith(".gguf"):
        from ingest.structures.gguf import read_gguf

        def read_one(data: bytes) -> None:
            (folder / name).write_bytes(data)
            read_gguf(folder / name)

        return read_one
    from ingest.readers import read_book

    def read_text(data: bytes) -> None:
        if not read_book(data, name).text.strip():
            raise AssertionError("a book without text")

    return read_text


def _importer(folder: Path, stack: ExitStack) -> Read:
    """Imports an archive into a library; what the child does of it is done here."""
    from app.errors import InvalidArchive
    from app.exchange import archive
    from app.storage.store import Store
    from ingest.structures.exported import open_exported

    archive.opened_apart = lambda path, most, _: open_exported(path, most)  # type: ignore
    store = stack.enter_context(closing(Store(folder / "bookstate.db")))

    def read_one(data: bytes) -> None:
        (folder / "file").write_bytes(data)
        try:
            store.remove(archive.import_document(store, folder / "file").id)
        except InvalidArchive as error:
            if left := store.documents():
                raise AssertionError(f"refused, and {len(left)} documents stay") from error
            raise UnreadableDocument from error

    return read_one


def _too_long(*_: object) -> None:
    raise TookLong


if __name__ == "__main__":
    confine.die_with_the_parent()
    main()
