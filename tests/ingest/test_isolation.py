"""Reading in a process of its own: whatever happens in it, a Book or one refusal comes back."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from document_makers import docx, epub, pdf, rewritten, xhtml
from hypothesis import given
from hypothesis import strategies as st

from ingest.book import (
    Book,
    DamagedDocument,
    EmptyDocument,
    NeedsPassword,
    TooLarge,
    UnreadableDocument,
    WrongPassword,
)
from ingest.isolation import parent
from ingest.isolation.limits import InvalidLimitError, Limits
from ingest.isolation.parent import read_apart
from ingest.isolation.watchdog import resident_bytes
from ingest.isolation.wire import (
    BrokenWire,
    Refusal,
    pack_book,
    pack_refusal,
    receive_reply,
    send,
)
from ingest.readers import read_book

PDF = pdf(["Hello there.\nThis is a page.", "And one more."])
FILES = {
    "a.pdf": PDF,
    "a.epub": epub({"a.xhtml": xhtml("<h1>One</h1><p>Hello.</p>")}),
    "a.docx": docx([("1", "One"), ("", "Hello 😀.")]),
    "a.md": b"# One\n\nHello.\n",
    "caf\udce9.txt": "Once upon a time: caf\u00e9.".encode(),
}
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FILES)
def test_the_book_is_the_one_that_is_read_here(name: str) -> None:
    assert read_apart(FILES[name], name) == read_book(FILES[name], name)


def test_refusals_and_passwords_pass_through() -> None:
    locked = rewritten(PDF, password="g\u00fcnther 😀")
    with pytest.raises(NeedsPassword, match="enter its password"):
        read_apart(locked, "a.pdf")
    with pytest.raises(WrongPassword):
        read_apart(locked, "a.pdf", password="guess\udcff\n")
    with pytest.raises(EmptyDocument):
        read_apart(b"", "a.pdf")
    assert read_apart(rewritten(PDF, password="pass word"), "a", password="pass word").pages


def test_a_large_file_is_refused_before_a_child_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent, "_start", None)
    with pytest.raises(TooLarge, match="limit"):
        read_apart(bytes(1 + (64 << 20)), "a.txt", limits=Limits(memory_bytes=128 << 20))


def test_limits_are_checked() -> None:
    assert Limits().seconds_for(5_000_000) == 65
    for wrong in ({"memory_bytes": 1}, {"seconds": 0}, {"seconds_per_mb": -1}):
        with pytest.raises(InvalidLimitError):
            Limits(**wrong)  # type: ignore[arg-type]


def test_the_child_imports_neither_torch_nor_the_product() -> None:
    script = (
        "import sys, ingest.child, ingest.readers\n"
        "import ingest.structures.gguf, ingest.structures.served\n"
        "known = {name.partition('.')[0] for name in sys.modules}\n"
        "print(known & {'torch', 'app', 'lab', 'memory_models', 'transformers', 'gradio'})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done


# What a reader's library may do to the process.

MISHAPS = {
    "segfault": ("__import__('faulthandler')._sigsegv()", DamagedDocument, "breaks the program"),
    "abort": ("os.abort()", DamagedDocument, "breaks the program"),
    "exit": ("os._exit(0)", DamagedDocument, "breaks the program"),
    "system exit": ("sys.exit('bye')", DamagedDocument, "breaks the program"),
    "killed": ("signal.raise_signal(signal.SIGKILL)", TooLarge, "memory"),
    "memory": ("x = [0]\nwhile True: x += x", TooLarge, "512 MiB of memory"),
    "mapped memory": ("x = [bytearray(1 << 26) for n in range(99)]", TooLarge, "memory"),
    "endless": ("while True: pass", TooLarge, "2 seconds"),
    "asleep": ("import time; time.sleep(60)", TooLarge, "2 seconds"),
    "recursion": ("def f(): f()\nf()", DamagedDocument, "does not expect"),
    "any error": ("raise BaseExceptionGroup('x', [ValueError()])", DamagedDocument, "expect"),
    "no book": ("result = 'text'", DamagedDocument, "does not expect"),
    "output": ("print('x' * 10**6); os.write(1, b'y' * 99)", DamagedDocument, "does not expect"),
    "garbage": ("os.write(wire, b'z' * 10**6)", DamagedDocument, "breaks the program"),
    "endless garbage": ("while True: os.write(wire, bytes(9))", DamagedDocument, "breaks"),
    "socket": ("import socket; socket.socket()", DamagedDocument, "does not expect"),
    "program": ("os.system('true')", DamagedDocument, "does not expect"),
    "fork": ("os.fork()", DamagedDocument, "does not expect"),
    "write": ("open(__import__('tempfile').gettempdir() + '/bookstate-never', 'w')",
              DamagedDocument, "does not expect"),
}  # fmt: skip
HOSTILE = """
import os, signal, sys
import ingest.child, ingest.readers
wire = os.dup(1)
def read_book(data, name, *, password, recognised):
    result = None
    exec({act!r}, globals() | {{'result': None}}, scope := {{}})
    return scope.get('result')
ingest.readers.read_book = read_book
ingest.child.main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="signals and limits are Linux's")
@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_happens_in_the_child_is_one_refusal(
    mishap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    act, error, says = MISHAPS[mishap]
    monkeypatch.setattr(parent, "_CHILD", ("-c", HOSTILE.format(act=act)))
    before = time.monotonic()
    seconds = 2 if says == "2 seconds" else 60
    with pytest.raises(UnreadableDocument, match=says) as caught:
        read_apart(b"Hello.", "a.txt", limits=Limits(512 << 20, seconds))
    assert type(caught.value) is error
    assert time.monotonic() - before < seconds + 30


def test_a_child_that_does_not_start_is_no_fault_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parent, "_CHILD", ("-c", "raise SystemExit(3)"))
    with pytest.raises(UnreadableDocument, match=r"did not start \(it ended with 3\)"):
        read_apart(b"Hello." * 10**6, "a.txt")


def test_the_child_knows_no_secrets_and_imports_nothing_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "zipfile.py").write_text("raise SystemExit(9)", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert read_apart(FILES["a.epub"], "a.epub").text == "One\n\nHello."
    monkeypatch.setenv("BOOKSTATE_TOKEN", "secret")
    act = "if 'secret' in os.environ.values(): os._exit(0)\nraise MemoryError"
    monkeypatch.setattr(parent, "_CHILD", ("-c", HOSTILE.format(act=act)))
    with pytest.raises(TooLarge):
        read_apart(b"Hello.", "a.txt")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_the_child_ends_with_the_program(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    # As in a library's own loop, which does not let the child's other thread run.
    hostile = HOSTILE.format(act="sum(range(10**11))")
    script = (
        "from ingest.isolation import parent\n"
        f"parent._CHILD = ('-c', {hostile!r})\n"
        "start = parent._start\n"
        "def told():\n"
        "    child = start()\n"
        f"    open({str(note)!r}, 'w').write(str(child.pid))\n"
        "    return child\n"
        "parent._start = told\n"
        "parent.read_apart(b'Hello.', 'a.txt')\n"
    )
    program = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    for _ in range(1_200):
        if note.exists() and note.read_text():
            break
        time.sleep(0.05)
    child = int(note.read_text())
    time.sleep(0.5)
    os.kill(child, 0)  # it is there
    program.kill()
    program.wait()
    for _ in range(600):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_the_watchdog_sees_memory_where_the_system_does_not_limit_it() -> None:
    assert resident_bytes(os.getpid()) > 10 << 20
    assert resident_bytes(2**30) == 0


# The wire.

BOOK = read_book(FILES["a.md"], "a.md")


def reply(*frames: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    for frame in frames:
        send(stream, frame)
    stream.seek(0)
    return stream


def test_books_and_refusals_come_back_as_they_were() -> None:
    assert receive_reply(reply(*pack_book(BOOK, 10**6)), 10**6) == BOOK
    refusal = receive_reply(reply(pack_refusal(Refusal(TooLarge("So\nlarge."), "why"))), 9)
    assert isinstance(refusal, Refusal)
    assert (type(refusal.error), str(refusal.error)) == (TooLarge, "So large.")


def test_a_text_beyond_the_limit_is_not_taken() -> None:
    with pytest.raises(TooLarge):
        pack_book(BOOK, 5)
    with pytest.raises(BrokenWire):
        receive_reply(reply(*pack_book(BOOK, 10**6)), 5)


@pytest.mark.parametrize(
    "head",
    [
        b"[]", b"{}", b"nonsense", b"\xff", b"[" * 10**5, b"null",
        b'{"refused": "Exception", "sentence": "x", "cause": ""}',
        b'{"refused": "SystemExit", "sentence": "x", "cause": ""}',
        b'{"refused": ["TooLarge"], "sentence": "x", "cause": ""}',
        b'{"refused": "TooLarge", "sentence": 7, "cause": ""}',
        b'{"refused": "TooLarge", "sentence": "\\ud800", "cause": ""}',
        b'{"title": 5, "chapters": [], "pages": []}',
        b'{"title": "t", "author": "", "format": "text", "paged": false, "chapters":'
        b' [["c", 0, 1e9, false, "main"]], "warnings": [], "pages": [[1, "1", 0, 14]]}',
        b'{"title": "t", "author": "", "format": "text", "paged": false, "chapters":'
        b' [["c", 0, true, false, "main"]], "warnings": [], "pages": [[1, "1", 0, 1]]}',
        b'{"title": "t", "author": "", "format": "text", "paged": false, "chapters":'
        b' [["c", 0, 14, false, "middle"]], "warnings": [], "pages": [[1, "1", 0, 14]]}',
        b'{"title": "t", "author": "", "format": "text", "paged": false, "chapters":'
        b' [["c", 0, 14, false, "main"]], "warnings": [3], "pages": [[1, "1", 0, 14]]}',
    ],
)  # fmt: skip
def test_what_is_no_reply_is_recognised(head: bytes) -> None:
    with pytest.raises(BrokenWire):
        receive_reply(reply(head, BOOK.text.encode()), 10**6)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_broken_reply(data: bytes) -> None:
    with pytest.raises(BrokenWire):
        receive_reply(io.BytesIO(data), 10**6)


@given(st.integers(0, 250), st.integers(0, 255))
def test_a_changed_reply_is_a_book_a_refusal_or_broken(at: int, value: int) -> None:
    raw = bytearray(reply(*pack_book(BOOK, 10**6)).getvalue())
    raw[at % len(raw)] = value
    with suppress(BrokenWire):
        assert isinstance(receive_reply(io.BytesIO(bytes(raw)), 10**6), Book | Refusal)
