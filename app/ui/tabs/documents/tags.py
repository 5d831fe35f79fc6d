"""Tags in the library tab: those of the open document, and a choice of one above the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from app.errors import REFUSALS
from app.storage.store import Document
from app.ui.inputs import choice_list
from app.ui.session import Session, private
from app.ui.texts import note

EVERY = ""  # the choice of no tag


class TagChoice:
    """Above the table: only documents of one tag."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.choice = choice_list(
            "Tag", show_label=False, container=False, visible=False, filterable=False, min_width=140
        )

    def only(self, documents: Sequence[Document], tag: str | None) -> list[Document]:
        """The documents that have the chosen tag; all of them for none that is there."""
        wanted = self._session.library.store.tagged(tag) if tag else []
        return [d for d in documents if d.id in wanted] if wanted else list(documents)

    def shown(self, tag: str | None) -> Any:
        """The tags to choose from; hidden while there are none."""
        tags = self._session.library.store.every_tag()
        choices = [("All tags", EVERY)]
        choices += [(f"{name} ({len(documents)})", name) for name, documents in tags.items()]
        return gr.update(choices=choices, value=tag if tag in tags else EVERY, visible=bool(tags))


class TagEditor:
    """Below the table: the tags of the open document."""

    def __init__(self, session: Session, picker: gr.Dropdown) -> None:
        self._session = session
        self._picker = picker
        with gr.Row(equal_height=True):
            self._tags = gr.Textbox(
                placeholder="Tags, such as a series; commas between them",
                show_label=False,
                container=False,
                scale=4,
                max_lines=1,
                elem_id="tags",
            )
            self._save = gr.Button("Save tags", size="sm", scale=0, min_width=130)
        self._said = gr.HTML()

    def wire(
        self, view: Callable[..., Any], looking: Sequence[Component], shown: Sequence[Component]
    ) -> None:
        """Show the tags of the document that is opened; after a change, the tab's new ``view``."""
        boxes = [self._tags, self._said]
        self._picker.change(self.shown, self._picker, boxes, **private())
        gr.on(
            [self._save.click, self._tags.submit],
            self.save,
            [self._picker, self._tags],
            boxes,
            **private(),
        ).then(view, looking, shown, **private())

    def shown(self, document_id: str | None) -> list[Any]:
        """The tags of a document with commas between them."""
        document = self._session.find(document_id)
        tags = self._session.library.store.tags(document.id) if document else []
        return [", ".join(tags), ""]

    def save(self, document_id: str | None, typed: str) -> list[Any]:
        """Give the open document the tags that were typed, and no others."""
        names = [name for name in typed.split(",") if name.strip()]
        try:
            self._session.library.store.set_tags(document_id or "", names)
        except REFUSALS as error:
            return [gr.skip(), note(str(error), "warning")]
        return self.shown(document_id)
