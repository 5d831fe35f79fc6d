"""`bookstate bench hostile`: files made to do harm, each in the child and uploaded to a server.

A file counts as withstood if it is read, or refused in one sentence, within its time and memory.
While the files are uploaded to a server of its own, one after the other, somebody asks that server
for `/config` five times a second; the slowest answer counts.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

import psutil  # type: ignore[import-untyped]

from app.errors import InvalidSetting
from app.exchange.archive import MOST_MANIFEST_BYTES, MOST_MEMBERS
from app.supply.gguf import check_gguf
from ingest.book import UnreadableDocument
from ingest.isolation.opened import opened_apart
from ingest.isolation.parent import read_apart
from lab.bench.hard.kinds import KINDS
from lab.bench.hard.tiny import CALIBRATION, write_backbone

SECONDS, MEMORY = 60.0, 1 << 30
CONFIG_SECONDS = 1.0
ONLY_LOCAL = (".bookstate", ".gguf")  # files that only the command line takes
_SENTENCE = re.compile(r"[^\n]{20,2000}\.")
_STARTING = 180  # seconds
_STOPPING = 5  # seconds to start and end a process around the 60 for the file, and 1 for each MB


@dataclass(slots=True)
class Withstood:
    """What came of one file."""

    file: str
    bytes: int
    outcome: str = ""
    seconds: float = 0.0
    peak_mib: int = 0
    served: str = ""
    served_seconds: float = 0.0
    slowest_config: float = 0.0

    def failure(self, *, served: bool) -> str:
        """Why it was not withstood; empty if it was."""
        if not self.outcome.startswith(("read", "refused: ")):
            return f"{self.file}: {self.outcome}"
        if self.seconds > SECONDS + self.bytes / 1e6 + _STOPPING or self.peak_mib << 20 > MEMORY:
            return f"{self.file}: {self.seconds:.0f} s, {self.peak_mib} MiB"
        if not served or self.file.endswith(ONLY_LOCAL):
            return ""
        if self.slowest_config > CONFIG_SECONDS:
            return f"{self.file}: /config took {self.slowest_config:.1f} s"
        if not self.served.startswith(("read", "refused")):
            return f"{self.file}: the server said {self.served}"
        return ""


def files(folder: Path | None, names: list[str]) -> Iterator[tuple[str, bytes]]:
    """The generated files, and those of a folder."""
    given = sorted(p for p in folder.iterdir() if p.suffix != ".md") if folder else []
    known = [*KINDS, *(path.name for path in given)]
    if unknown := set(names) - set(known):
        raise InvalidSetting(
            f"There is no {', '.join(sorted(unknown))}; choose from {', '.join(known)}."
        )
    for name, make in KINDS.items():
        if not names or name in names:
            yield name, make()
    for path in given:
        if not names or path.name in names:
            yield path.name, path.read_bytes()


def hostile(folder: Path | None, names: list[str], *, serve: bool, told: Any) -> dict[str, Any]:
    """Try every file in the child and, with `serve`, at a server."""
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, data) in enumerate(files(folder, names), 1):
            found.append(apart(name, data, Path(scratch)))
            told(name, number, len(KINDS))
        if serve:
            with running_server(Path(scratch)) as address:
                for one, (_, data) in zip(found, files(folder, names), strict=True):
                    if not one.file.endswith(ONLY_LOCAL):
                        at_server(address, one, data)
                        told(one.file, 0, len(KINDS))
    failures = [why for one in found if (why := one.failure(served=serve))]
    return {"rows": [asdict(one) for one in found], "failures": failures}


def apart(name: str, data: bytes, scratch: Path) -> Withstood:
    """Read one file as the product does, in the child, and watch what the child takes."""
    one = Withstood(name, len(data))
    watch = _Peak()
    watch.start()
    began = monotonic()
    try:
        one.outcome = _read(name, data, scratch)
    except UnreadableDocument as error:
        sentence = str(error)
        fine = _SENTENCE.fullmatch(sentence)
        one.outcome = f"refused: {sentence}" if fine else f"no sentence: {sentence!r}"
    except Exception as error:  # noqa: BLE001 - what is looked for
        one.outcome = f"{type(error).__name__}: {error}"
    one.seconds = round(monotonic() - began, 2)
    watch.stop()
    one.peak_mib = watch.bytes >> 20
    return one


def _read(name: str, data: bytes, scratch: Path) -> str:
    if name.endswith(ONLY_LOCAL):
        path = scratch / name
        path.write_bytes(data)
        if name.endswith(".gguf"):
            check_gguf(path)
            return "read"
        with opened_apart(path, MOST_MEMBERS) as archive:
            archive.manifest("manifest.json", MOST_MANIFEST_BYTES)
        return "read"
    book = read_apart(data, name)
    return f"read: {len(book.text):,} characters"


class _Peak(Thread):
    """The most memory that any child of this process has used."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._done = Event()
        self.bytes = 0

    def run(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.02):
            for child in me.children():
                try:
                    self.bytes = max(self.bytes, child.memory_info().rss)
                except psutil.Error:
                    continue

    def stop(self) -> None:
        self._done.set()
        self.join()


@contextmanager
def running_server(scratch: Path) -> Iterator[str]:
    """`bookstate serve` over a tiny backbone, in a data folder of its own; yields its address."""
    backbone = write_backbone(scratch / "tiny", seed=7)
    (backbone / "calibration.json").write_text(json.dumps(CALIBRATION), "utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = scratch / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--no-open", "--port", str(port)],
            cwd=Path(__file__).parents[3],
            env={
                **os.environ,
                "BOOKSTATE_HOME": str(scratch / "home"),
                "BOOKSTATE_BACKBONE": str(backbone),
            },
            stdout=out,
            stderr=out,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        end = monotonic() + _STARTING
        while not _answers(address):
            if server.poll() is not None or monotonic() > end:
                raise InvalidSetting(f"The server did not start: {log.read_text('utf-8')[-500:]}")
            sleep(0.2)
        yield address
    finally:
        server.kill()
        server.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/config", timeout=30) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def at_server(address: str, one: Withstood, data: bytes) -> None:
    """Upload a file and wait for what the server says, asking for `/config` all the while."""
    done, slowest = Event(), [0.0]

    def ask() -> None:
        while not done.is_set():
            began = monotonic()
            fine = _answers(address)
            slowest[0] = max(slowest[0], monotonic() - began if fine else 999.0)
            done.wait(0.2)

    asking = Thread(target=ask, daemon=True)
    asking.start()
    began = monotonic()
    try:
        one.served = _upload(address, one.file, data)
    except OSError as error:
        one.served = f"{type(error).__name__}: {error}"
    one.served_seconds = round(monotonic() - began, 2)
    done.set()
    asking.join()
    one.slowest_config = round(slowest[0], 2)


def _upload(address: str, name: str, data: bytes) -> str:
    """What `add_document` answers for a file, over the routes that Gradio's clients use."""
    boundary = "hostile-7f3a"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
    body = f"{head}Content-Type: application/octet-stream\r\n\r\n".encode() + data
    body += f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    (path,) = json.loads(_post(f"{address}/gradio_api/upload", body, kind))
    values = [{"path": path, "meta": {"_type": "gradio.FileData"}}, "", "", ""]
    call = f"{address}/gradio_api/call/add_document"
    event = json.loads(_post(call, json.dumps({"data": values}).encode(), "application/json"))
    with urllib.request.urlopen(f"{call}/{event['event_id']}", timeout=300) as reply:
        said = reply.read().decode()
    return "read" if "event: complete" in said else f"refused: {said.strip()[-200:]}"


def _post(url: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=300) as reply:
        data: bytes = reply.read()
        return data
