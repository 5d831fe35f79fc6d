"""`bookstate bench kills`: commands killed at random moments, and whether anything was lost.

Each round copies a data folder with two documents, starts one command in it and kills it (SIGKILL)
at a random moment of the time that it takes undisturbed, sometimes twice. After every kill, all
documents that the command does not touch must be equal to the last bit, and the database sound. The
command is then run to its end, and the library must hold what it holds after an undisturbed run,
the hash of every state included. No half-written file may be left.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from app.errors import InvalidSetting
from app.storage.store import Store
from lab.bench.hard import kill_home
from lab.bench.hard.kill_home import contents, environment, prints

ROOT = Path(__file__).parents[3]
PATIENCE = 300  # seconds that a command may take

Prepare = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its arguments, in which words stand for paths, and what it may change."""

    name: str
    arguments: tuple[str, ...]
    without: tuple[str, ...] = ()  # of the document that it is about; see `prints`
    about: str = ""  # the title of that document, if it was there before
    prepare: Prepare | None = None
    may_vanish: bool = False
    share: float = 1.0


_TITLE = ("documents.title", "documents.updated_at")
_READING = ("readings", "segments", "states", "checksums", "texts", "sources", "originals")
COMMANDS = (
    Command("ingest", ("ingest", "{base}/new.md", "--title", "New")),
    Command(
        "append",
        ("append", "First", "{base}/more.md"),
        (*_TITLE, *_READING, "chapters", "pages"),
        about="First",
    ),
    Command("import", ("import", "{base}/third.bookstate")),
    Command("export", ("export", "First", "{home}/out/first.bookstate"), about="First"),
    Command("summarize", ("summarize", "First", "--chapters"), ("summaries",), about="First"),
    Command("rm", ("rm", "Second"), about="Second", may_vanish=True),
    Command("rename", ("rename", "{about}", "Another"), _TITLE, about="First"),
    Command("migration", ("list",), prepare=lambda _, home: kill_home.old_database(home, ROOT)),
    Command(
        "serve",
        ("serve", "--no-open", "--port", "0"),
        ("documents.reading_id", "documents.updated_at", "readings", "states", "checksums"),
        about="New",
        prepare=kill_home.enqueue,
        share=0.25,
    ),
)


@dataclass(slots=True)
class Scene:
    """A command with its data folder, how long it takes, and what there is before and after."""

    command: Command
    base: Path
    home: Path
    about: str = ""  # the id of the document that the command is about
    before: dict[str, str] = field(default_factory=dict)
    after: list[dict[str, Any]] = field(default_factory=list)
    exported: bytes = b""
    seconds: float = 0.0
    kills: int = 0
    misses: int = 0
    failures: list[str] = field(default_factory=list)


class Runner:
    """Starts commands, in new interpreters or forked from one that has imported everything."""

    def __init__(self, *, preloaded: bool) -> None:
        self._server: subprocess.Popen[str] | None = None
        if preloaded:
            self._server = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "lab.bench.hard.preloaded"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
            )
            if self._hear() != {"ready": True, "threads": 1}:
                raise InvalidSetting("The preloaded process has threads; use --no-preloaded.")
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, arguments: list[str], env: dict[str, str], output: Path) -> int:
        """Start a command; returns its process id."""
        if self._server:
            asked = {"arguments": arguments, "environment": env, "output": str(output)}
            return int(self._ask(asked)["pid"])
        with output.open("wb") as out:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments],
                cwd=ROOT,
                env={**os.environ, **env},
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        return self._running.pid

    def wait(self, pid: int) -> int:
        """The exit status, negative for a signal."""
        if self._server:
            return int(self._ask({"wait": pid})["status"])
        assert self._running
        return self._running.wait(PATIENCE)

    def close(self) -> None:
        """End the process that commands are forked from."""
        if self._server:
            assert self._server.stdin and self._server.stdout
            self._server.stdin.close()
            self._server.stdout.close()
            self._server.kill()
            self._server.wait()

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._server and self._server.stdin
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._server and self._server.stdout
        found: dict[str, Any] = json.loads(self._server.stdout.readline())
        return found


def kills(
    count: int, names: list[str], seed: int, minutes: int, *, preloaded: bool, told: Any
) -> dict[str, Any]:
    """Kill commands until `count` have been killed. Returns a table, and what was lost.

    minutes: after which it stops before that; 0 for never.
    """
    end = monotonic() + 60 * minutes if minutes else float("inf")
    known = {command.name: command for command in COMMANDS}
    if unknown := set(names) - known.keys():
        raise InvalidSetting(
            f"There is no {', '.join(sorted(unknown))}; choose from {', '.join(known)}."
        )
    chosen = [known[name] for name in names or known]
    chance = random.Random(seed)
    with (
        tempfile.TemporaryDirectory(prefix="bookstate-kills-") as scratch,
        closing(Runner(preloaded=preloaded)) as runner,
    ):
        base = Path(scratch) / "base"
        base.mkdir()
        kill_home.make_base(base)
        scenes = [_scene(runner, command, base) for command in chosen]
        while sum(scene.kills for scene in scenes) < count and monotonic() < end:
            scene = min(scenes, key=lambda s: s.kills / s.command.share)
            lost = len(scene.failures)
            _round(runner, scene, chance)
            for why in scene.failures[lost:]:
                told(f"LOST by {scene.command.name}: {why}", len(scene.failures), scene.kills)
            told("kills", sum(s.kills for s in scenes), count)
    rows = [
        {
            "command": s.command.name,
            "kills": s.kills,
            "ended before": s.misses,
            "lost": len(s.failures),
            "seconds undisturbed": round(s.seconds, 2),
        }
        for s in scenes
    ]
    failures = [f"{s.command.name}: {why}" for s in scenes for why in s.failures]
    total = Counter(kills=sum(s.kills for s in scenes), lost=len(failures))
    return {**total, "preloaded": preloaded, "rows": rows, "failures": failures}


def _scene(runner: Runner, command: Command, base: Path) -> Scene:
    """Prepare a data folder, and run the command undisturbed in a copy of it."""
    home = base.parent / command.name
    shutil.copytree(base / "home", home)
    if command.prepare:
        command.prepare(base, home)
    (home / "out").mkdir()
    scene = Scene(command, base, home)
    if command.name != "migration":  # looking at it would migrate it
        scene.about = kill_home.id_of(home, command.about) if command.about else ""
        scene.before = prints(home, scene.about, command.without)
    else:
        with _copied(scene) as copy:
            scene.before = prints(copy)
    with _copied(scene) as copy:
        began = monotonic()
        _to_the_end(runner, scene, copy)
        scene.seconds = monotonic() - began
        scene.after = contents(copy)
        if (out := copy / "out" / "first.bookstate").is_file():
            scene.exported = out.read_bytes()
    return scene


@contextmanager
def _copied(scene: Scene) -> Iterator[Path]:
    """A copy of the scene's data folder, for one round."""
    copy = scene.home.with_name("round")
    shutil.copytree(scene.home, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _start(runner: Runner, scene: Scene, home: Path) -> int:
    words = {"base": str(scene.base), "home": str(home), "about": scene.about}
    arguments = [each.format(**words) for each in scene.command.arguments]
    return runner.start(arguments, environment(scene.base, home), scene.base.parent / "said")


def _to_the_end(runner: Runner, scene: Scene, home: Path) -> None:
    """Run the command until it is done. Raises AssertionError if it fails."""
    pid = _start(runner, scene, home)
    if scene.command.name == "serve":
        _until_read(home)
        os.kill(pid, signal.SIGKILL)
        runner.wait(pid)
        return
    status = runner.wait(pid)
    said = (scene.base.parent / "said").read_text("utf-8", "replace")
    gone = scene.command.may_vanish and "No document" in said
    if (status and not gone) or "Traceback" in said:
        raise AssertionError(f"it ended with {status}: {said[-300:]}")


def _until_read(home: Path) -> None:
    """Wait until the server's worker has read every document."""
    end = monotonic() + PATIENCE
    while monotonic() < end:
        with closing(Store(home / "bookstate.db")) as store:
            if all(document.ready for document in store.documents()):
                return
        sleep(0.05)
    raise AssertionError("the server did not read its queue")


def _round(runner: Runner, scene: Scene, chance: random.Random) -> None:
    with _copied(scene) as home:
        try:
            for _ in range(chance.choice((1, 2, 3))):
                if not _kill_once(runner, scene, home, chance):
                    scene.misses += 1
                    scene.seconds *= 0.95  # the machine has more time for it than at first
                    return
                scene.kills += 1
                _check(scene, home)
            _to_the_end(runner, scene, home)
            _check_end(scene, home)
        except AssertionError as error:
            scene.failures.append(str(error))


def _kill_once(runner: Runner, scene: Scene, home: Path, chance: random.Random) -> bool:
    """Kill the command at a random moment; False if it had ended before."""
    pid = _start(runner, scene, home)
    sleep(chance.uniform(0, scene.seconds))
    os.kill(pid, signal.SIGKILL)
    return runner.wait(pid) == -signal.SIGKILL


def _check(scene: Scene, home: Path) -> None:
    """What was there before is there, to the last bit."""
    if scene.command.name == "migration":
        _check_migration(scene, home)
        return
    found = prints(home, scene.about, scene.command.without)
    for document_id, wanted in scene.before.items():
        if document_id not in found:
            if not (scene.command.may_vanish and document_id == scene.about):
                raise AssertionError(f"the document {document_id} is gone")
        elif found[document_id] != wanted:
            raise AssertionError(f"the document {document_id} has changed")
    if not set(found) <= {*scene.before, *(d["id"] for d in scene.after)}:
        raise AssertionError(f"there are other documents: {sorted(found)}")
    out = home / "out" / "first.bookstate"
    if out.is_file() and out.read_bytes() != scene.exported:
        raise AssertionError("the exported file is not whole")


def _check_migration(scene: Scene, home: Path) -> None:
    copy = home.with_name("looked-at")  # looking at it would migrate it
    shutil.copytree(home, copy)
    try:
        if prints(copy) != scene.before:
            raise AssertionError("the migrated documents are others")
    finally:
        shutil.rmtree(copy)


def _check_end(scene: Scene, home: Path) -> None:
    """The library holds what it holds after an undisturbed run, and nothing half-made is left."""
    if (found := contents(home)) != scene.after:
        raise AssertionError(f"it ends with {found}, not {scene.after}")
    left = [str(path) for path in home.rglob("*.part")] + [str(p) for p in home.glob("exports/*")]
    if left:
        raise AssertionError(f"left behind: {left}")
    if scene.exported and (home / "out" / "first.bookstate").read_bytes() != scene.exported:
        raise AssertionError("the exported file is another one")
