"""A button that copies what a tab shows, and a menu that saves it as a file, in the browser."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
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
MENU = [("Save as …", ""), ("Word (DOCX)", "docx"), ("Markdown", "md"), ("JSON", "json")]


def offer(what: str, make: Callable[..., Taken | None], inputs: Sequence[Component]) -> None:
    """ "Copy ..." and "Save as ..." for what `make` returns; None is nothing.

    what: such as "chat".
    """
    made = gr.Textbox(visible="hidden")  # else a later value would not reach the script
    copy = gr.Button(f"Copy {what}", size="sm", min_width=110, scale=0)
    menu = gr.Dropdown(
        MENU,
        value="",
        label=f"Save {what} as",
        show_label=False,
        container=False,
        filterable=False,
        min_width=150,
        scale=0,
    )
    said = gr.HTML()

    def copied(*given: Any) -> list[Any]:
        text, words = _made(make, given, lambda taken: markdown(taken))
        return [text, words]

    def saved(*given: Any) -> list[Any]:
        *given_to_make, kind = given
        if kind not in KINDS:
            return ["", "", gr.skip()]
        text, words = _made(make, given_to_make, lambda taken: _as_file(taken, kind))
        return [text, "", words]

    options: dict[str, Any] = private()
    copy.click(copied, inputs, [made, said], **options).then(None, made, None, js=COPY)
    menu.input(saved, [*inputs, menu], [made, menu, said], **options).then(
        None, made, None, js=SAVE
    )


def _made(
    make: Callable[..., Taken | None], given: Sequence[Any], write: Callable[[Taken], str]
) -> tuple[str, str]:
    """What was written, and what to say."""
    try:
        taken = make(*given)
    except REFUSALS as error:
        return "", note(str(error), "warning")
    if taken is None or not taken.sections:
        return "", note(NOTHING, "warning")
    return write(taken), ""


def _as_file(taken: Taken, kind: str) -> str:
    data = b64encode(written(taken, kind)).decode()
    return json.dumps({"name": file_name(taken, kind), "type": KINDS[kind], "data": data})
