"""The web server: builds the page and serves it until Ctrl-C, by default only on this computer."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any, cast

import gradio as gr
from fastapi import FastAPI
from filelock import FileLock, Timeout
from gradio.route_utils import FnIndexInferError
from rich.console import Console
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from app.errors import AlreadyServed, InvalidSetting, StoreFailed
from app.library import Library
from app.line.summary_worker import SummaryWorker
from app.programs.served import NameOf, Programs
from app.ui.api import Api
from app.ui.arguments import CheckedBlocks, no_such_endpoint, too_many_requests
from app.ui.generations import Generations
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.chat_tab import ChatTab
from app.ui.tabs.documents.library_tab import LibraryTab
from app.ui.tabs.documents.saving import Saving
from app.ui.tabs.memory_tab import MemoryTab
from app.ui.tabs.notebook_tab import NotebookTab
from app.ui.tabs.people_tab import PeopleTab
from app.ui.tabs.reading.keeping import Keeping
from app.ui.tabs.reading.place import Place
from app.ui.tabs.reading.read_tab import ReadTab
from app.ui.tabs.shelf_tab import ShelfTab
from app.ui.tabs.summaries_tab import SummariesTab
from app.ui.theme import CSS, HEADER, theme
from app.ui.visitors import Visiting, show_visitor
from app.web.bodies import BodyLimits
from app.web.callers import Callers
from app.web.door import Door, LoggedIn
from app.web.listeners import Heard
from app.web.login import LoginDesk
from app.web.logins import Logins, Visitors, WrongPasswords
from app.web.states import States
from app.worker import Worker

HOUR = 3600
LOG_IN = "Log in to your library. After ten wrong passwords, wait a minute."
MOST_AT_ONCE = 512  # requests that are answered or wait in the model's line
MOST_QUEUED = 10_000  # requests that Gradio holds before and after that
MOST_PAGES = 1000  # whose state is kept
UNCOUNTED = {  # Gradio would make a table of all requests after each
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**12),
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
}
LOCAL = ("127.0.0.1", "localhost", "::1")

err = Console(stderr=True, highlight=False)


def build_ui(library: Library, worker: Worker) -> CheckedBlocks:
    """The whole page and the endpoints for programs, not served yet."""
    return _build(_session(library, worker))


def _session(library: Library, worker: Worker) -> Session:
    visiting = Visiting(library)
    return Session(visiting, worker, Generations(visiting))


def _build(session: Session) -> CheckedBlocks:
    # Uploads go to the data folder, not to the temporary folder that all users of a machine share.
    os.environ["GRADIO_TEMP_DIR"] = str(_uploads(session.library))
    os.environ.update(UNCOUNTED)
    blocks = CheckedBlocks(
        session.visiting,
        session.listeners,
        Programs(session.visiting.seen_by, session.generations.line),
        title="bookstate",
        analytics_enabled=False,
        delete_cache=(HOUR, 24 * HOUR),
    )
    with blocks:
        Api(session)  # first, so that no event of the page takes an endpoint's name
        with gr.Row(equal_height=True):
            with gr.Column(scale=3, min_width=300):
                gr.HTML(HEADER)
                visitor = gr.HTML(visible=False)
                blocks.load(show_visitor, None, visitor, **private(queue=False))
            with gr.Column(scale=2, min_width=260):
                picker = choice_list("Open document")
        place = Place(session, picker)
        keeping = Keeping(session, picker)
        with gr.Tabs() as tabs:
            with gr.Tab("Library", id="library") as library:
                LibraryTab(session, picker).on_open(blocks)
                Saving(session, picker)
            with gr.Tab("Chat", id="chat") as asking:
                chat = ChatTab(session, picker, place.lifted)
            with gr.Tab("Read", id="read") as reading:
                read = ReadTab(session, picker, place, keeping)
            with gr.Tab("People", id="people") as people:
                names = PeopleTab(session, picker, place)
            with gr.Tab("Summaries", id="summaries") as summaries:
                SummariesTab(session, picker, place).on_open(summaries)
            with gr.Tab("Notebook", id="notebook") as notebook:
                NotebookTab(session, picker).on_open(notebook)
            with gr.Tab("Shelf", id="shelf") as shelf:
                ShelfTab(session).on_open(shelf)
            with gr.Tab("Memory", id="memory") as memory:
                MemoryTab(session, picker, chat.chat).on_open(memory)
        others = (library, asking, reading, summaries, notebook, shelf, memory)
        names.on_open(people, others)
        read.on_open(blocks, tabs)
        keeping.on_open(blocks)
    blocks.queue(default_concurrency_limit=8, max_size=MOST_QUEUED)
    blocks._queue.pending_messages_per_session.max_size = MOST_QUEUED
    return blocks


def _uploads(library: Library) -> Path:
    return library.settings.home / "uploads"


def launch_ui(
    blocks: CheckedBlocks,
    library: Library,
    host: str,
    port: int,
    callers: Callers | None = None,
) -> str:
    """Serve the page in the background; returns its address. Raises InvalidSetting.

    People log in if there are accounts. callers: who may send requests; without it, only the
    server's own page and programs.
    """
    logins = Logins(library.store) if library.store.has_accounts() else None
    callers = callers or Callers.of(host, (), ())
    limits = BodyLimits(library.settings.max_upload_mb * gr.FileSize.MB)
    app, address, _ = blocks.launch(
        server_name=f"[{host}]" if ":" in host else host,
        server_port=_usable_port(host, port),
        auth=cast(
            Any, logins.check if logins is not None else None
        ),  # it may be a coroutine function
        auth_message=LOG_IN,
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
        max_threads=MOST_AT_ONCE,
        state_session_capacity=MOST_PAGES,
        footer_links=["api"],
        app_kwargs={
            "lifespan": _behind_door(callers, limits, logins, blocks),
            "exception_handlers": {
                FnIndexInferError: no_such_endpoint,
                HTTPStatus.SERVICE_UNAVAILABLE: too_many_requests,
            },
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
    callers: Callers, limits: BodyLimits, logins: Logins | None, blocks: CheckedBlocks
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What Gradio's application runs before its first request: it gets the door around it.

    Added as Gradio's middleware, the door would stand behind Gradio's own, which answers some
    requests itself.
    """

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        app.state_holder = States()  # type: ignore[no-untyped-call]
        app.state_holder.set_blocks(blocks)
        assert app.middleware_stack is not None  # this function is called through it
        inside: ASGIApp = Heard(app.middleware_stack, blocks.listeners)
        may_enter: LoggedIn = _anybody
        name_of: NameOf = _nobody
        if logins is not None:
            app.tokens = logins
            cookies = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
            inside = LoginDesk(inside, cookies[1], WrongPasswords())
            visitors = Visitors(logins, cookies)
            may_enter, name_of = _may_enter(visitors, blocks.visiting), visitors.name
        app.router.routes[:0] = blocks.programs.routes(name_of)
        app.middleware_stack = Door(inside, callers, limits, may_enter)
        yield

    return lifespan


def _anybody(_: HTTPConnection) -> bool:
    return True


def _nobody(_: HTTPConnection) -> None:
    return None


def _may_enter(visitors: Visitors, visiting: Visiting) -> LoggedIn:
    """Whether somebody is logged in, and the open page that they ask for is theirs."""

    def may_enter(connection: HTTPConnection) -> bool:
        name = visitors.name(connection)
        pages = connection.query_params.getlist("session_hash")
        pages.append(connection.scope["path"].rpartition("/")[2])  # as in /heartbeat/<page>
        return name is not None and all(visiting.may_use(name, page) for page in pages)

    return may_enter


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


def serve_ui(
    library: Library,
    host: str,
    port: int,
    *,
    open_browser: bool,
    insecure: bool = False,
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
) -> None:
    """Serve the page and read queued documents until Ctrl-C.

    insecure: other computers may use the library without accounts. allowed_hosts: more names that
    the server answers to. allowed_origins: pages of other sites that may call it. Raises
    AlreadyServed and InvalidSetting.
    """
    callers = Callers.of(host, allowed_hosts, allowed_origins)
    is_open = host not in LOCAL and not library.store.has_accounts()
    if is_open and not insecure:
        raise InvalidSetting(
            f"Anyone who can reach {host} could read this library and change it. Add an account "
            "with `bookstate users add NAME` first; or use --insecure in a network that you trust."
        )
    if is_open:
        err.print(
            f"INSECURE: anyone who can reach {host} can read, change and delete this library.",
            style="bold red",
        )
    with _alone(library.settings.home):
        _serve(library, host, port, callers, open_browser=open_browser)


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
    callers: Callers,
    *,
    open_browser: bool,
) -> None:
    import_module("ingest.segments")  # its splitter takes a second, for which others would wait
    name = library.backbone.name  # loads it, or fetches it the first time, before the page opens
    shutil.rmtree(_uploads(library), ignore_errors=True)  # left by an earlier process
    worker = Worker(library)
    session = _session(library, worker)
    summaries = SummaryWorker(library, session.generations.line)
    blocks = _build(session)
    address = launch_ui(blocks, library, host, port, callers)
    worker.start()
    summaries.start()
    err.print(
        f"bookstate is running at {address} with the model {name}. Ctrl-C stops it; unfinished "
        "readings and summaries continue at the next start."
    )
    if open_browser:
        import webbrowser

        webbrowser.open(address)
    try:
        _wait_for_signal()
        err.print("Stopping after the part that is being read ...")
    finally:
        session.generations.stop_all()
        summaries.stop()
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
