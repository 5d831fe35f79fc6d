"""How large the body of a request may be, so that nobody fills the memory or the disk."""

from __future__ import annotations

from asyncio import timeout
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.types import Message, Receive

UPLOAD = "/gradio_api/upload"
JSON_BYTES = 1 << 20
_ENVELOPE = 1 << 16  # what a form adds to the file in it
_DRAINED = 16 << 20  # bytes of a refused body that are thrown away, so that the refusal is seen
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The largest file that may be uploaded, and the largest body of all other requests."""

    file_bytes: int
    json_bytes: int = JSON_BYTES

    def __post_init__(self) -> None:
        if min(self.file_bytes, self.json_bytes) < 1:
            raise ValueError("a limit is at least one byte")

    def of(self, path: str) -> int:
        """The most bytes that a request to this path may carry."""
        return self.file_bytes + _ENVELOPE if path == UPLOAD else self.json_bytes


class Counted:
    """The body of one request, counted as it is read and cut off at the limit."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._read = 0

    @property
    def too_large(self) -> bool:
        """True once more came than may come."""
        return self._read > self._most

    async def __call__(self) -> Message:
        """The next part of the body; the client seems gone once it sent too much."""
        if self.too_large:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.too_large else message


def stated_too_large(connection: HTTPConnection, most: int) -> bool:
    """True if the request says of itself that its body is over the limit, or says it wrongly."""
    stated = connection.headers.getlist("content-length")
    return any(not length.isdecimal() or int(length) > most for length in stated)


async def drain(receive: Receive) -> None:
    """Throw away what a client still sends, up to a limit: else many never see the refusal."""
    left = _DRAINED
    try:
        async with timeout(_DRAIN_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
