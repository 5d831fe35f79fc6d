"""The door as Chromium meets it; skipped where Playwright or Chromium is not installed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from novels import QUESTION, read_novel
from played import busy

from app.library import Library
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.web.door import Door
from app.web.listeners import page_key
from app.worker import Worker

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

LONG = 60.0
NAMES = ("evil.example", "rebound.example", "x.localhost", "localhost.")
EVIL = """<pre id=said></pre><script>
const say = (...words) => document.getElementById("said").textContent += words.join(" ") + "\\n";
const post = (body) => ({method: "POST", headers: {"Content-Type": "application/json"}, body});
async function attack(name) {
  const there = `http://${name}:PORT`, api = there + "/gradio_api";
  try {
    const asked = await (await fetch(api + "/call/list_documents", post('{"data":[]}'))).json();
    const told = await (await fetch(api + "/call/list_documents/" + asked.event_id)).text();
    const id = JSON.parse(told.split("data: ")[1])[0][0].id;
    say(name, "READ");
    const call = {data: [id, "theirs, by " + name], fn_index: RENAME, session_hash: "evil" + name};
    await fetch(api + "/queue/join", post(JSON.stringify(call)));
  } catch (error) { say(name, "refused"); }
  try {
    const form = new FormData();
    form.append("files", new Blob(["x".repeat(1000)]), "evil.txt");
    await fetch(api + "/upload", {method: "POST", body: form, mode: "no-cors"});
  } catch (error) { }
}
(async () => {
  for (const name of ["127.0.0.1", "localhost", location.hostname, NAMES]) await attack(name);
  say("END");
})();
</script><a id=link href=http://127.0.0.1:PORT/>a link</a>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    mapped = ",".join(f"MAP {name} 127.0.0.1" for name in NAMES)
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(
            executable_path=CHROMIUM,
            # Chromium's own protection of local addresses is off: ours is what is tried.
            args=[
                "--no-sandbox",
                f"--host-resolver-rules={mapped}",
                "--disable-features=LocalNetworkAccessChecks",
            ],
        )
        yield opened
        opened.close()


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def address(session: Session) -> Iterator[str]:
    read_novel(session.library)
    blocks = _build(session)
    yield launch_ui(blocks, session.library, "127.0.0.1", 0)
    session.generations.stop_all()
    blocks.close(verbose=False)


@pytest.fixture
def evil(address: str) -> Iterator[tuple[str, str]]:
    """The hostile page, and the port from which another server sends it."""
    config = httpx.get(f"{address}config").json()
    (rename,) = [d["id"] for d in config["dependencies"] if d["api_name"] == "rename"]
    names = ", ".join(json.dumps(name) for name in NAMES)
    html = EVIL.replace("PORT", address.rstrip("/").rpartition(":")[2])
    html = html.replace("RENAME", str(rename)).replace("NAMES", names)

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        Thread(target=site.serve_forever, daemon=True).start()
        yield html, str(site.server_port)
        site.shutdown()


def visited(browser: Any, url: str, html: str) -> str:
    """What the hostile page says after it tried everything; a rebound name serves it itself."""
    page = browser.new_page()
    if url.endswith("/evil"):
        page.route(url, lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(url)
    page.wait_for_function("document.getElementById('said').textContent.includes('END')")
    said = str(page.inner_text("#said"))
    page.click("#link")
    page.get_by_text("bookstate", exact=True).first.wait_for()  # a link opens the page
    page.close()
    return said


def uploaded(library: Library) -> int:
    return len(list((library.settings.home / "uploads").rglob("evil*")))


@pytest.mark.parametrize("door", ["open", "closed"])
def test_a_hostile_page(
    browser: Any,
    library: Library,
    address: str,
    evil: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    door: str,
) -> None:
    html, port = evil
    if door == "open":

        async def through(self: Door, *request: Any) -> None:
            await self.app(*request)

        monkeypatch.setattr(Door, "__call__", through)
    starts = [f"http://{name}:{port}/" for name in ("evil.example", "127.0.0.1", "localhost")]
    rebound = f"{address.replace('127.0.0.1', 'rebound.example')}evil"
    for start in (*starts, rebound):
        read = visited(browser, start, html).count("READ")
        assert bool(read) == (door == "open"), start
    deadline = time.monotonic() + 10
    while door == "open" and time.monotonic() < deadline and not renamed(library):
        time.sleep(0.05)
    assert renamed(library) == bool(uploaded(library)) == (door == "open")


def renamed(library: Library) -> bool:
    return library.list()[0].title.startswith("theirs")


def test_the_page_works_within_its_content_policy(
    browser: Any, library: Library, address: str, tmp_path: Path
) -> None:
    said: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto(address)
    ask(page, library)
    page.get_by_text("of 10 answers").first.wait_for()
    page.get_by_role("tab", name="Summaries").click()
    page.get_by_role("tab", name="Memory").click()
    page.locator(".js-plotly-plot .bars").first.wait_for()
    assert not [text for text in said if "Content Security Policy" in text or "EvalError" in text]
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()
    handler = "'<img src=x onerror=\"window.ran = 1\">'"
    page.evaluate(f"document.body.insertAdjacentHTML('beforeend', {handler})")
    page.wait_for_timeout(500)
    assert page.evaluate("window.ran") is None  # markup that slipped through does not run
    assert [text for text in said if "Content Security Policy" in text]
    page.close()


def ask(page: Any, library: Library) -> None:
    """Open the document and ask about it."""
    open_chat(page, library)
    page.locator("textarea:visible").first.fill(QUESTION)
    page.keyboard.press("Enter")


def open_chat(page: Any, library: Library) -> None:
    title = library.list()[0].title
    page.locator("[role=gridcell]:visible").filter(has_text=title).first.click()
    page.get_by_role("tab", name="Chat").click()


def test_a_question_is_shown_as_waiting_while_another_tab_has_the_model(
    browser: Any, session: Session, address: str
) -> None:
    page = browser.new_page()
    page.goto(address)
    with busy(session.generations.line):  # such as a summary
        ask(page, session.library)
        assert any(key.startswith(page_key("")) for key in session.listeners._open)
        page.get_by_text("waits for its turn").wait_for()
    page.get_by_text("of 10 answers").first.wait_for()
    page.close()


def test_a_tab_that_is_closed_is_not_waited_for_but_one_that_is_loaded_again_is(
    browser: Any, session: Session, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.ui.generations.PAGE_SECONDS", LONG)  # the machine may be busy
    page, line = browser.new_page(), session.generations.line
    page.goto(address)
    with busy(line) as holding:
        ask(page, session.library)
        page.get_by_text("waits for its turn").wait_for()
        (question,) = (work for work in line.works() if work is not holding)
        page.reload()
        open_chat(page, session.library)
        page.get_by_text("waits for its turn").wait_for()
        assert question.heard
        page.close()
        deadline = time.monotonic() + LONG
        while question.heard and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not question.heard and question in line.works()
        question._patience = 0.0  # its seconds have passed
        line.sweep()
        assert line.works() == [holding]


@pytest.mark.parametrize("width", [390, 1366, 1920])
def test_a_citation_opens_the_text_at_its_sentence(
    browser: Any, library: Library, address: str, width: int
) -> None:
    (document,) = library.list()
    text = library.store.text(document.reading.text_id).text
    start = text.index("# Chapter 2") + 13
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.goto(f"{address}#read={document.reading.id}:{start}-{start + 20}")
    page.wait_for_selector("#leaf mark")
    assert "".join(page.inner_text("#leaf mark").split()) == "".join(
        text[start : start + 20].split()
    )
    page.wait_for_function(
        "() => { const mark = document.querySelector('#leaf mark').getBoundingClientRect();"
        " return mark.top >= 0 && mark.bottom <= innerHeight; }"
    )
    page.reload()
    page.wait_for_selector("#leaf mark")  # the address holds where one is
    page.wait_for_function("() => localStorage.getItem('bookstate')")
    page.goto(address)
    page.wait_for_selector("#place", state="visible")  # the last open document opens again
    page.context.close()
