"""Inputs that change Gradio's behaviour: no downloads by address, lists that survive a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio_client.utils import is_http_url_like  # type: ignore[import-untyped]


def upload_box(file_count: Literal["single", "multiple"] = "single", **more: Any) -> gr.File:
    """A file input that accepts only uploads.

    Given a web address instead of a file, Gradio would download it; this program must not.
    """
    box = gr.File(file_count=file_count, type="filepath", **more)
    keep = box.async_move_resource_to_block_cache

    async def keep_uploads_only(given: str | Path | None) -> str | None:
        if given is not None and is_http_url_like(str(given)):
            raise gr.Error(
                "Web addresses are not supported; upload the file itself.", print_exception=False
            )
        return await keep(given)

    box.async_move_resource_to_block_cache = keep_uploads_only  # type: ignore[method-assign, assignment]
    return box


def choice_list(label: str, **more: Any) -> gr.Dropdown:
    """A dropdown whose choices come from the database while the page is open.

    Gradio accepts only values that it has sent to the page as choices, and forgets these when the
    server restarts. Here any value is accepted, and the handlers look it up themselves.
    """
    box = gr.Dropdown([], label=label, interactive=True, **more)

    def as_sent(value: Any) -> Any:
        return value if isinstance(value, str | int) else None

    box.preprocess = as_sent  # type: ignore[method-assign, assignment]
    return box
