"""The memory tab: what the memory is, its size, and where it looked for the last answer."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from app.engine import MEMORY_NOTES
from app.storage.store import Document, Reading
from app.ui import charts
from app.ui.session import Session, private
from app.ui.texts import MEMORY_NAMES, NOT_OPEN, facts_html, note, ratio, size

NO_ANSWER = "Ask a question in the chat; then this shows where the answer comes from."


class MemoryTab:
    """Components of the tab and what they do."""

    def __init__(self, session: Session, picker: gr.Dropdown, chat: gr.State) -> None:
        self._session = session
        self._inputs = [picker, chat]
        self._note = gr.HTML(note(NOT_OPEN))
        with gr.Column(visible=False) as self._body:
            with gr.Row():
                with gr.Column(scale=1, min_width=300):
                    self._facts = gr.HTML()
                with gr.Column(scale=1, min_width=320):
                    self._sizes = gr.Plot(show_label=False, visible=False)
            gr.HTML('<div class="bs-title">Where the memory looked for the last answer</div>')
            self._asked = gr.HTML()
            self._attention = gr.Plot(show_label=False, visible=False)
        self._view = [
            self._note,
            self._body,
            self._facts,
            self._sizes,
            self._asked,
            self._attention,
        ]
        picker.change(self.view, self._inputs, self._view, **private())

    def on_open(self, tab: gr.Tab) -> None:
        """Refresh the tab when it is opened."""
        tab.select(self.view, self._inputs, self._view, **private())

    def view(self, document_id: str | None, chat_id: int | None) -> list[Any]:
        """Everything about the open document's memory."""
        document = self._session.find(document_id)
        if document is None:
            return [note(NOT_OPEN), gr.update(visible=False), "", _plot(None), "", _plot(None)]
        parts = self._session.library.store.state_parts(document.reading)
        figure = charts.sizes(parts, document.reading.kv_cache_bytes)
        facts = facts_html(self._describe(document, sum(parts.values())))
        last = self._last(document, chat_id)
        return ["", gr.update(visible=True), facts, _plot(figure), *last]

    def _describe(self, document: Document, held: int) -> dict[str, str]:
        reading = document.reading
        read = self._session.library.store.tokens_done(reading)
        per_100k = size(held / read * 100_000) if read else "nothing has been read yet"
        stored = (
            f"{size(held)}, {ratio(document)} of the full size" if document.ready else size(held)
        )
        done = reading.segments_done / max(1, reading.segments)
        config = json.loads(reading.memory_config)
        return {
            "Memory": MEMORY_NAMES.get(reading.memory, reading.memory),
            "What it is": MEMORY_NOTES.get(reading.memory, ""),
            "Size": stored,
            "Full size, uncompressed": size(reading.kv_cache_bytes),
            "Size for about 75,000 words": per_100k,
            "Read": f"{done:.0%} of the book, in {reading.segments} parts",
            "Settings": ", ".join(f"{name} {value}" for name, value in config.items()),
            "Model": f"{reading.backbone} {reading.backbone_sha256[:12]}",
            "Trained parts": reading.adapter or "none",
            "Checksum (SHA-256)": reading.state_sha256 or "not finished",
        }

    def _last(self, document: Document, chat_id: int | None) -> list[Any]:
        store = self._session.library.store
        in_document = any(chat.id == chat_id for chat in store.chats(document.id))
        messages = store.messages(chat_id) if in_document and chat_id is not None else []
        answered = [i for i, m in enumerate(messages) if m.role == "assistant" and m.sources]
        if not answered:
            return [note(NO_ANSWER), _plot(None)]
        last = answered[-1]
        question = messages[last - 1].text if last else ""
        segments, labels = document.reading.segments, self._labels(document.reading)
        figure = charts.attention(messages[last].sources, segments, labels)
        return [note(f"{question} \u2192 {messages[last].text}"), _plot(figure)]

    def _labels(self, reading: Reading) -> dict[int, str]:
        store = self._session.library.store
        shown = store.some_segments(reading, charts.tick_segments(reading.segments))
        pages = {number: segment.page_first for number, segment in shown.items()}
        labels = store.page_labels(reading, pages.values())
        return {number: labels[page] for number, page in pages.items()}


def _plot(figure: Any) -> Any:
    """A plot that is shown where there is one."""
    return gr.update(value=figure, visible=figure is not None)
