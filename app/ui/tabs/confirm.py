"""A question beside a button that deletes something: nothing goes before it was answered."""

from __future__ import annotations

import gradio as gr

from app.ui.session import private
from app.ui.texts import note


def confirmed(button: gr.Button, question: str) -> gr.Button:
    """The button that deletes for good; `button` only shows it, with a question."""
    with gr.Row(visible=False, equal_height=True) as asking:
        gr.HTML(note(question))
        sure = gr.Button("Delete for good", variant="stop", size="sm", min_width=120)
        keep = gr.Button("Cancel", size="sm", min_width=90)
    button.click(lambda: gr.Row(visible=True), None, asking, **private(queue=False))
    for answer in (sure, keep):
        answer.click(lambda: gr.Row(visible=False), None, asking, **private(queue=False))
    return sure
