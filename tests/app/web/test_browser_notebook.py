"""The notebook as Chromium meets it: ask, keep, see it, follow the citation, take it along."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from novels import QUESTION, read_novel

from app.library import Library
from app.storage.store import Document, Message
from app.ui.generations import Generations
from app.ui.server import _build, launch_ui
from app.ui.session import Session
from app.ui.visitors import Visiting
from app.worker import Worker
from ingest.readers import read_book

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SHOTS = os.environ.get("BOOKSTATE_SHOTS")  # a folder for pictures of the page
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]
LONG = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as player:
        opened = player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def document(library: Library) -> Document:
    return read_novel(library)


@pytest.fixture
def page(browser: Any, library: Library, document: Document) -> Iterator[Any]:
    visiting = Visiting(library)
    session = Session(visiting, Worker(library), Generations(visiting))
    blocks = _build(session)
    address = launch_ui(blocks, library, "127.0.0.1", 0)
    context = browser.new_context(viewport={"width": 1366, "height": 900}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(LONG)
    page.goto(f"{address}#open={document.id}")
    page.locator("#place").wait_for()  # the document is open
    yield page
    context.close()
    session.generations.stop_all()
    blocks.close(verbose=False)


def tab(page: Any, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def saved(page: Any, kind: str) -> bytes:
    """What the browser saves as a kind of file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save as {kind}").locator("visible=true").click()
    return Path(download.value.path()).read_bytes()


def test_ask_keep_follow_and_save(page: Any, library: Library, document: Document) -> None:
    tab(page, "Chat")
    page.locator("#question textarea").fill(QUESTION)
    page.keyboard.press("Enter")
    answer = page.locator(".bs-answer")
    answer.wait_for()
    page.get_by_role("button", name="Ask again").wait_for()
    shot(page, "chat")
    answer.get_by_role("link", name="Copy").click()
    answer.get_by_role("link", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "page 1" in copied and "Keep" not in copied and "Copy" not in copied
    answer.get_by_role("link", name="Keep").click()
    answer.get_by_role("link", name="Kept in the notebook").wait_for()
    tab(page, "Notebook")
    kept = page.locator("#notes .bs-kept")
    kept.get_by_text(QUESTION).wait_for()
    kept.get_by_role("link", name="Edit").click()
    page.get_by_label("Your note").fill("This is doubtful.")
    shot(page, "notebook-edit")
    page.get_by_role("button", name="Save note").click()
    kept.get_by_text("This is doubtful.").wait_for()
    shot(page, "notebook")
    made = read_book(saved(page, "Word"), "notes.docx", password=None, recognised=None)
    assert QUESTION in made.text and "This is doubtful." in made.text and "(page 1)" in made.text
    assert "This is doubtful." in saved(page, "Markdown").decode()
    kept.locator("a.bs-cite").first.click()
    page.locator("#leaf mark").first.wait_for()
    place = library.store.notes(document.id)[0].citations[0]
    assert page.locator("#leaf mark").first.inner_text() in " ".join(place["text"].split())


def test_a_selection_is_kept_and_a_note_deleted_after_a_question(
    page: Any, library: Library, document: Document
) -> None:
    tab(page, "Read")
    page.locator("#leaf .bs-leaf p").first.wait_for()
    page.evaluate(
        "getSelection().selectAllChildren(document.querySelectorAll('#leaf .bs-leaf p')[1]"
        " || document.querySelector('#leaf .bs-leaf p'))"
    )
    page.get_by_role("button", name="Keep selection").click()
    shot(page, "read")
    page.get_by_text("Kept in the notebook.").wait_for()
    tab(page, "Notebook")
    kept = page.locator("#notes .bs-kept")
    kept.locator("blockquote").wait_for()
    kept.get_by_role("link", name="Edit").click()
    form = page.locator("#note-form")
    form.get_by_role("button", name="Delete", exact=True).click()
    form.get_by_text("Delete this from the notebook?").wait_for()
    assert len(library.store.notes(document.id)) == 1
    shot(page, "notebook-delete")
    form.get_by_role("button", name="Delete for good").click()
    page.get_by_text("Nothing is kept yet.").wait_for()
    assert library.store.notes(document.id) == []


def test_an_edited_question_and_a_deleted_chat(
    page: Any, library: Library, document: Document
) -> None:
    store = library.store
    chat = store.start_chat(document.id, "Talk")
    store.say(chat, Message("user", QUESTION))
    store.say(chat, Message("assistant", "Wim", 0.9, word="sure"))
    page.reload()
    page.locator("#place").wait_for()
    tab(page, "Chat")
    page.get_by_role("button", name="Edit question").click()
    page.get_by_text("takes the place of the last one").wait_for()
    assert page.locator("#question textarea").input_value() == QUESTION
    page.locator("#question textarea").fill("Who sold the boat?")
    page.keyboard.press("Enter")
    page.locator("#talk").get_by_text("Who sold the boat?").wait_for()
    page.locator(".bs-answer").wait_for()
    assert [m.text for m in store.messages(chat) if m.role == "user"] == ["Who sold the boat?"]
    page.get_by_role("button", name="Delete chat").click()
    page.get_by_text("Delete this chat?").wait_for()
    shot(page, "chat-delete")
    assert store.chats(document.id)
    page.get_by_role("button", name="Delete for good").locator("visible=true").click()
    page.get_by_text("Ask a question about this book.").wait_for()
    assert store.chats(document.id) == []


def test_a_document_is_saved_deleted_and_opened_again(
    page: Any, library: Library, document: Document, tmp_path: Path
) -> None:
    page.get_by_role("button", name="Save and open").click()
    shot(page, "save-and-open")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save this document with its memory").click()
    file = tmp_path / "novel.bookstate"
    download.value.save_as(file)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the whole library").click()
    assert Path(download.value.path()).stat().st_size > library.store.path.stat().st_size / 2
    shot(page, "saved")
    library.remove(document.id)
    page.locator("#saved input[type=file]").set_input_files(str(file))
    page.get_by_text("is open, with its memory.").wait_for()
    assert [d.id for d in library.list()] == [document.id]
