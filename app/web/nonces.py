"""Scripts that are written into the page: each gets a number that only this response knows.

Gradio writes the page's configuration into a `<script>` of the page. The content policy allows the
scripts with the number, and no others: markup from a book or a title can never be one.
"""

from __future__ import annotations

import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

_SCRIPT = re.compile(rb"<script(?=[\s>])")


def new_nonce() -> str:
    """A number that nobody can guess, for one response."""
    return secrets.token_urlsafe(18)


class Marked:
    """Sends a response on, whole, with the nonce in every `<script>` of an HTML page.

    Gradio's own template is all that can hold such an element: what it writes into the page as
    data has no `<`.
    """

    def __init__(self, send: Send, nonce: str) -> None:
        self._send = send
        self._tag = f'<script nonce="{nonce}"'.encode()
        self._start: Message | None = None
        self._parts: list[bytes] = []

    async def __call__(self, message: Message) -> None:
        """Keep the parts until the last one."""
        if message["type"] != "http.response.body":
            self._start = message
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body") or self._start is None:
            return
        body = b"".join(self._parts)
        headers = MutableHeaders(scope=self._start)
        if headers.get("content-type", "").startswith("text/html"):
            body = _SCRIPT.sub(lambda _: self._tag, body)
            if "content-length" in headers:
                headers["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})
