"""Inputs that differ from Gradio's own: uploads that stay uploads, lists that outlive a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio_client.utils import is_http_url_like  # type: ignore[import-untyped]


def upload_box(**more: Any) -> gr.File:
    """A file input that takes uploads alone.

    Gradio would download a web address given in a file's place; this program downloads nothing.
    """
    box = gr.File(file_count="single", type="filepath", **more)
    keep = box.async_move_resource_to_block_cache

    async def keep_uploads_only(given: str | Path | None) -> str | None:
        if given is not None and is_http_url_like(str(given)):
            raise gr.Error(
                "A web address is not fetched; upload the file itself.", print_exception=False
            )
        return await keep(given)

    box.async_move_resource_to_block_cache = keep_uploads_only  # type: ignore[method-assign, assignment]
    return box


def choice_list(label: str, **more: Any) -> gr.Dropdown:
    """A dropdown whose choices come from the database while the page is open.

    Gradio knows the choices that it sent to a page until the server restarts, and then refuses
    the page's value; here the handlers look up the value themselves.
    """
    box = gr.Dropdown([], label=label, interactive=True, **more)

    def as_sent(value: Any) -> Any:
        return value if isinstance(value, str | int) else None

    box.preprocess = as_sent  # type: ignore[method-assign, assignment]
    return box
