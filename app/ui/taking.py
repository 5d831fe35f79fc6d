"""Buttons that copy what a tab shows, or save it as a file, in the browser."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from app.errors import REFUSALS
from app.taking.files import KINDS, file_name, written
from app.taking.markdown import markdown
from app.taking.taken import Taken
from app.ui.session import private
from app.ui.texts import note

COPY = "(text) => { if (text) navigator.clipboard?.writeText(text); }"
SAVE = """(made) => {
  if (!made) return;
  const {name, type, data} = JSON.parse(made);
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes], {type}));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}"""
NOTHING = "There is nothing to take along yet."
FILES = (("Word", "docx"), ("Markdown", "md"), ("JSON", "json"))


def offer(what: str, make: Callable[..., Taken | None], inputs: Sequence[Component]) -> None:
    """Buttons that copy, or save as a file, what `make` returns; None is nothing.

    what: such as "chat".
    """
    said = gr.HTML(visible="hidden")
    ways: list[tuple[str, str, Callable[[Taken], str]]] = [(f"Copy {what}", COPY, markdown)]
    ways += [(f"Save as {name}", SAVE, partial(_as_file, kind=kind)) for name, kind in FILES]
    for label, script, write in ways:
        made = gr.Textbox(visible="hidden")  # else a later value would not reach the script
        gr.Button(label, size="sm", min_width=110, scale=0).click(
            partial(_made, make, write), inputs, [made, said], **private()
        ).then(None, made, None, js=script)


def _made(
    make: Callable[..., Taken | None], write: Callable[[Taken], str], *given: Any
) -> list[Any]:
    """What was written, and what to say."""
    try:
        taken = make(*given)
    except REFUSALS as error:
        return ["", gr.update(value=note(str(error), "warning"), visible=True)]
    if taken is None or not taken.sections:
        return ["", gr.update(value=note(NOTHING, "warning"), visible=True)]
    return [write(taken), gr.update(value="", visible="hidden")]


def _as_file(taken: Taken, kind: str) -> str:
    data = b64encode(written(taken, kind)).decode()
    return json.dumps({"name": file_name(taken, kind), "type": KINDS[kind], "data": data})
