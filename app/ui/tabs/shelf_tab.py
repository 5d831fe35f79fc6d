"""The shelf tab: one question to several books, each answered from its own memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync

from app.errors import REFUSALS
from app.library import Stopped
from app.line.work import Visitor
from app.shelf.asking import MOST_ASKED
from app.shelf.documents import documents_of_tag
from app.shelf.in_line import ShelfFailed, Shelving
from app.storage.store import Document
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.tabs.shelf_html import progress_words, shelf_html
from app.ui.texts import note

EVERY = ""  # the choice of all books
STOPPED = "Stopped; what was answered by then is shown."
FAILED = (
    "The question failed because of an internal error; ask again. The server's log has details."
)
EXPLANATION = (
    f"The {MOST_ASKED} books that speak of it most are asked, each as far as you have read it."
)


class ShelfTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._asked: dict[Visitor, Shelving] = {}
        with gr.Row(equal_height=True):
            self._shelf = choice_list("Shelf", filterable=False, scale=2, min_width=200)
            self._books = _several("Only these books", scale=3, min_width=260)
        with gr.Row(equal_height=True):
            self._question = gr.Textbox(
                placeholder="Your question", show_label=False, container=False, scale=8, max_lines=4
            )
            self._ask = gr.Button("Ask", variant="primary", scale=1, min_width=80)
            self._stop = gr.Button("Stop", scale=1, min_width=80, interactive=False)
        with gr.Row(equal_height=True, elem_classes="bs-options"):
            self._every = gr.Checkbox(
                label="Ask every book (slower)", min_width=200, elem_classes="bs-plain"
            )
            self._lifted = gr.Checkbox(
                label="Also what I have not read yet", min_width=220, elem_classes="bs-plain"
            )
        self._said = gr.HTML(note(EXPLANATION))
        self._answers = gr.HTML(elem_id="shelf")
        self._wire()

    def _wire(self) -> None:
        gr.on(
            [self._ask.click, self._question.submit],
            self.ask,
            [self._shelf, self._books, self._question, self._every, self._lifted],
            [self._said, self._answers, self._stop],
            concurrency_limit=None,  # they wait in the model's line
            trigger_mode="once",
            **private(),
        )
        self._stop.click(self.stop, None, self._said, **private(queue=False))

    def on_open(self, tab: gr.Tab) -> None:
        """Show the shelves and books that there are when the tab is opened."""
        choosing = [self._shelf, self._books]
        tab.select(self.choices, choosing, choosing, **private())

    def choices(self, shelf: str | None, books: list[str] | None) -> list[Any]:
        """What can be chosen; what was chosen stays, unless it is gone."""
        library = self._session.library
        documents, tags = library.list(), library.store.every_tag()
        shelves = [(f"All books ({len(documents)})", EVERY)]
        shelves += [(f"{name} ({len(found)})", name) for name, found in tags.items()]
        own = {document.id for document in documents}
        return [
            gr.update(choices=shelves, value=shelf if shelf in tags else EVERY),
            gr.update(
                choices=[(d.title, d.id) for d in documents],
                value=[each for each in books or [] if each in own],
            ),
        ]

    async def ask(
        self,
        shelf: str | None,
        books: list[str] | None,
        question: str,
        every: bool = False,
        lifted: bool = False,
        request: gr.Request | None = None,
    ) -> AsyncIterator[list[Any]]:
        """Ask book by book, and show each answer as soon as it is made."""
        idle, stoppable = gr.update(interactive=False), gr.update(interactive=True)
        visitor = self._session.visitor(request)
        try:
            documents = await run_sync(self._chosen, shelf, books)
            shelving = Shelving(
                self._session.library,
                self._session.generations.line,
                documents,
                question,
                visitor,
                self._session.page(request),
                most=None if every else MOST_ASKED,
                whole_book=lifted,
            )
        except REFUSALS as error:
            yield [note(str(error), "warning"), gr.skip(), idle]
            return
        if (before := self._asked.get(visitor)) is not None:
            before.stop()
        self._asked[visitor] = shelving
        try:
            async with aclosing(shelving.answers()) as watching:
                async for now in watching:
                    words = note(progress_words(now, len(documents)))
                    yield [words, shelf_html(now.so_far, is_made=False), stoppable]
            words = note(f"Done, in {shelving.so_far.seconds:.1f} s.", "good")
        except Stopped:
            words = note(STOPPED, "good")
        except REFUSALS as error:
            words = note(str(error), "warning")
        except ShelfFailed:
            words = note(FAILED, "warning")
        finally:
            if self._asked.get(visitor) is shelving:
                del self._asked[visitor]
        yield [words, shelf_html(shelving.so_far, is_made=True), idle]

    def _chosen(self, shelf: str | None, books: list[str] | None) -> list[Document]:
        """The books that were chosen, else those of the shelf, else all. Raises UnknownTag."""
        library = self._session.library
        if books:
            return [document for document in library.list() if document.id in books]
        return documents_of_tag(library, shelf) if shelf else library.list()

    def stop(self, request: gr.Request | None = None) -> str:
        """Ask no further book; what was answered stays."""
        shelving = self._asked.get(self._session.visitor(request))
        if shelving is None:
            return ""
        shelving.stop()
        return note("Stopping …")


def _several(label: str, **more: Any) -> gr.Dropdown:
    """A list of books to choose several from, whatever the page was sent before."""
    box = gr.Dropdown([], value=[], label=label, interactive=True, multiselect=True, **more)

    def as_sent(value: Any) -> list[str]:
        given = value if isinstance(value, list) else []
        return [each for each in given if isinstance(each, str)]

    box.preprocess = as_sent  # type: ignore[method-assign, assignment]
    return box
