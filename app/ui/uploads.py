"""Files that visitors send: kept only until they are parsed, and never fetched from elsewhere."""

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
