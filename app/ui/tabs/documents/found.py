"""What was found in the open document's file, and a way to divide it into other chapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from app.answering.language import NAMES
from app.errors import REFUSALS
from app.intake.inspection import Inspection, inspect
from app.intake.redividing import divide_again
from app.intake.register import DIVISIONS
from app.storage.store import Document
from app.ui.session import Session, private
from app.ui.texts import note

DIVIDE = "Divide and read again"
MOST_KNOWN = 200  # documents whose description is kept in memory
MOST_ROWS = 500  # chapters listed


class Found:
    """The components, and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        self._known: dict[int, tuple[int, str]] = {}  # by text: pages and HTML
        self.html = gr.HTML(elem_id="found")
        with gr.Accordion("Wrong chapters? Divide the text in another way", open=False):
            self._division = gr.Radio(
                [(words[:1].upper() + words[1:], name) for name, words in DIVISIONS.items()],
                value="found",
                label="Chapters",
            )
            self._password = gr.Textbox(
                label="Password of the PDF, if it has one", type="password", max_lines=1
            )
            self._divide = gr.Button(DIVIDE, size="sm")
        self._said = gr.HTML()

    def wire(
        self, view: Callable[..., Any], looking: Sequence[Component], shown: Sequence[Component]
    ) -> None:
        """Divide when the button is pressed, then show the tab's new ``view``."""
        self._divide.click(
            self.divide,
            [self._picker, self._division, self._password],
            [self._password, self._said],
            **private(show_progress="minimal"),
        ).then(view, looking, shown, **private())

    def shown(self, document: Document | None) -> str:
        """What was found, as HTML."""
        if document is None:
            return ""
        key = document.reading.text_id  # a text never changes, but for a file that is appended
        pages, html = self._known.get(key, (0, ""))
        library = self._session.library
        if pages != library.store.page_count(document.reading):
            text = library.store.text(key)
            found = inspect(text.book(document.title, document.author, document.format))
            pages, html = found.pages, found_html(found, library.backbone.name)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = pages, html
        return html

    def divide(self, selected: str | None, division: str, password: str) -> list[Any]:
        """Stop the reading and make another one, in chapters that are found in another way."""
        session = self._session
        if not selected or session.find(selected) is None:
            return [gr.skip(), note("Open a document first.", "warning")]
        try:
            document, known = divide_again(
                session.library, selected, division, password=password or None
            )
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning")]
        if known and document.ready:
            session.library.use(document.reading.id)
            return ["", note("It has already been read in these chapters; they are used now.")]
        session.enqueue(document.reading.id)
        return ["", note("It is being read in these chapters.", "good")]


def found_html(found: Inspection, backbone: str) -> str:
    """A line on the document, its warnings, and its chapters behind one click."""
    language = NAMES.get(found.language or "", "language not recognised")
    main = [c for c in found.chapters if c.matter == "main"] or list(found.chapters)
    count = f"{len(main)} chapters" if len(main) != 1 else "1 chapter"
    facts = f"{found.pages:,} pages, {count}, {language}, {found.characters:,} characters"
    cautions = [*found.warnings, found.caution(backbone)]
    warned = "".join(note(warning, "warning") for warning in cautions if warning)
    rows = "".join(
        f"<li>{escape(c.title)} <small>page {escape(c.page_first)}{_matter(c.matter)}</small></li>"
        for c in found.chapters[:MOST_ROWS]
    )
    if len(found.chapters) > MOST_ROWS:
        rows += f"<li>and {len(found.chapters) - MOST_ROWS:,} more</li>"
    return (
        f"{warned}<details class='bs-found'><summary>{escape(facts)}</summary>"
        f"<ol>{rows}</ol></details>"
    )


def _matter(matter: str) -> str:
    return {"front": ", before the work", "back": ", after the work"}.get(matter, "")
