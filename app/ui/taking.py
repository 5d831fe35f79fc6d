"""Buttons that copy a text to the clipboard, or save it as a file, in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from app.ui.session import private

COPY = "(text) => { if (text) navigator.clipboard?.writeText(text); }"
SAVE = """(text) => {
  if (!text) return;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'text/markdown'}));
  link.download = 'NAME';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}"""


def offer(what: str, make: Callable[..., str], inputs: Sequence[Component], file_name: str) -> None:
    """Two buttons, "Copy ..." and "Save ...", for the Markdown that `make` returns."""
    made = gr.Textbox(visible=False)
    ways: dict[str, str] = {"Copy": COPY, "Save": SAVE.replace("NAME", file_name)}
    for verb, script in ways.items():
        options: dict[str, Any] = private()
        gr.Button(f"{verb} {what}", size="sm", min_width=90).click(
            make, inputs, made, **options
        ).then(None, made, None, js=script)
