"""The web server: builds the page and serves it until Ctrl-C, by default only on this computer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from fastapi import FastAPI
from filelock import FileLock, Timeout
from gradio.route_utils import FnIndexInferError
from rich.console import Console
from starlette.requests import HTTPConnection

from app.errors import AlreadyServed, InvalidSetting, StoreFailed
from app.library import Library
from app.ui.api import Api
from app.ui.arguments import CheckedBlocks, no_such_endpoint
from app.ui.chat_tab import ChatTab
from app.ui.generations import Generations
from app.ui.inputs import choice_list
from app.ui.library_tab import LibraryTab
from app.ui.memory_tab import MemoryTab
from app.ui.session import Session
from app.ui.summaries_tab import SummariesTab
from app.ui.theme import CSS, HEADER, theme
from app.web.bodies import BodyLimits
from app.web.callers import Callers
from app.web.door import Door
from app.worker import Worker

HOUR = 3600
LOCAL = ("127.0.0.1", "localhost", "::1")

err = Console(stderr=True, highlight=False)


def build_ui(library: Library, worker: Worker) -> gr.Blocks:
    """The whole page and the endpoints for programs, not served yet."""
    return _build(Session(library, worker, Generations(library)))


def _build(session: Session) -> gr.Blocks:
    # Uploads go to the data folder, not to the temporary folder that all users of a machine share.
    os.environ["GRADIO_TEMP_DIR"] = str(_uploads(session.library))
    blocks: gr.Blocks = CheckedBlocks(
        title="bookstate", analytics_enabled=False, delete_cache=(HOUR, 24 * HOUR)
    )
    with blocks:
        Api(session)  # first, so that no event of the page takes an endpoint's name
        with gr.Row(equal_height=True):
            with gr.Column(scale=3, min_width=300):
                gr.HTML(HEADER)
            with gr.Column(scale=2, min_width=260):
                picker = choice_list("Open document")
        with gr.Tab("Library"):
            LibraryTab(session, picker).on_open(blocks)
        with gr.Tab("Chat"):
            chat = ChatTab(session, picker)
        with gr.Tab("Summaries") as summaries:
            SummariesTab(session, picker).on_open(summaries)
        with gr.Tab("Memory") as memory:
            MemoryTab(session, picker, chat.chat).on_open(memory)
    blocks.queue(default_concurrency_limit=8)
    return blocks


def _uploads(library: Library) -> Path:
    return library.settings.home / "uploads"


def launch_ui(
    blocks: gr.Blocks,
    library: Library,
    host: str,
    port: int,
    auth_file: Path | None,
    callers: Callers | None = None,
) -> str:
    """Serve the page in the background; returns its address. Raises InvalidSetting.

    callers: who may send requests; without it, only the server's own page and programs.
    """
    auth = read_auth(auth_file) if auth_file else None
    callers = callers or Callers.of(host, (), ())
    limits = BodyLimits(library.settings.max_upload_mb * gr.FileSize.MB)
    app, address, _ = blocks.launch(
        server_name=f"[{host}]" if ":" in host else host,
        server_port=_usable_port(host, port),
        auth=auth,
        share=False,
        quiet=True,
        show_error=False,
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        allowed_paths=[],
        max_file_size=library.settings.max_upload_mb * gr.FileSize.MB,
        footer_links=["api"],
        app_kwargs={
            "lifespan": _behind_door(callers, limits),
            "exception_handlers": {FnIndexInferError: no_such_endpoint},
        },
        prevent_thread_lock=True,
        theme=theme(),
        css=CSS,
    )
    if not isinstance(app.middleware_stack, Door):
        blocks.close(verbose=False)
        raise RuntimeError("this version of Gradio serves without the door; use another version")
    return str(address)


def _behind_door(
    callers: Callers, limits: BodyLimits
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What Gradio's application runs before its first request: it gets the door around it.

    Added as Gradio's middleware, the door would stand behind Gradio's own, which answers some
    requests itself.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert app.middleware_stack is not None  # this function is called through it
        app.middleware_stack = Door(app.middleware_stack, callers, limits, _login_of(app))
        yield

    return lifespan


def _login_of(app: Any) -> Callable[[HTTPConnection], bool]:
    """Whether a visitor of Gradio's application is logged in; everyone is where none must be."""
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")

    def logged_in(connection: HTTPConnection) -> bool:
        return app.auth is None or any(connection.cookies.get(n) in app.tokens for n in names)

    return logged_in


def _usable_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises InvalidSetting if the port cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InvalidSetting(
                f"Port {port} on {host} cannot be used ({error.strerror or error}); choose another "
                "with --port, or 0 for any."
            ) from error
        return int(probe.getsockname()[1])


def read_auth(file: Path) -> list[tuple[str, str]]:
    """User names and passwords: one `user:password` per line; lines with # are comments."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"The file {file} cannot be read: {error}.") from error
    users = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, password = line.partition(":")
        if not (user.strip() and colon and password):
            raise InvalidSetting(
                f"{file}, line {number} is not of the form user:password; correct the line."
            )
        users.append((user.strip(), password))
    if not users:
        raise InvalidSetting(f"{file} has no users; add at least one line user:password.")
    return users


def serve_ui(
    library: Library,
    host: str,
    port: int,
    auth_file: Path | None,
    *,
    open_browser: bool,
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
) -> None:
    """Serve the page and read queued documents until Ctrl-C.

    allowed_hosts: more names that the server answers to. allowed_origins: pages of other sites
    that may call it. Raises AlreadyServed and InvalidSetting.
    """
    callers = Callers.of(host, allowed_hosts, allowed_origins)
    with _alone(library.settings.home):
        _serve(library, host, port, auth_file, callers, open_browser=open_browser)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let only one server at a time use a data folder; the lock ends with the process."""
    folder = home / "locks"
    lock = FileLock(folder / "server.lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise AlreadyServed(
            f"Another server is already using the data folder {home}; open its page, stop it, or "
            "choose another folder with BOOKSTATE_HOME."
        ) from error
    except OSError as error:
        raise StoreFailed(
            f"The data folder {home} cannot be written ({error.strerror}), which a server must; "
            "questions can still be asked with `bookstate ask`."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _serve(
    library: Library,
    host: str,
    port: int,
    auth_file: Path | None,
    callers: Callers,
    *,
    open_browser: bool,
) -> None:
    import_module("ingest.segments")  # its splitter takes a second, for which others would wait
    name = library.backbone.name  # loads it, or fetches it the first time, before the page opens
    shutil.rmtree(_uploads(library), ignore_errors=True)  # left by an earlier process
    worker = Worker(library)
    session = Session(library, worker, Generations(library))
    blocks = _build(session)
    address = launch_ui(blocks, library, host, port, auth_file, callers)
    worker.start()
    err.print(
        f"bookstate is running at {address} with the model {name}. Ctrl-C stops it; unfinished "
        "readings continue at the next start."
    )
    if host not in LOCAL and auth_file is None:
        err.print(
            f"Anyone who can reach {host} can use this server; ask for a login with --auth-file.",
            style="yellow",
        )
    if open_browser:
        import webbrowser

        webbrowser.open(address)
    try:
        _wait_for_signal()
        err.print("Stopping after the part that is being read ...")
    finally:
        session.generations.stop_all()
        blocks.close(verbose=False)
        worker.stop()
        shutil.rmtree(_uploads(library), ignore_errors=True)


def _wait_for_signal() -> None:
    """Return at Ctrl-C or SIGTERM; a second one ends the program at once."""
    stop = Event()
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, lambda *_: stop.set()) for name in names}
    while not stop.wait(0.5):
        pass
    for name, handler in before.items():
        signal.signal(name, handler)
