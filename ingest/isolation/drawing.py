"""``draw_apart``: pages of a PDF as pictures, drawn in a process with limits.

A stranger's page is drawn by machine code; it must not run where the library is.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import BoundedSemaphore
from typing import IO

from ingest.isolation.limits import LIMITS, Limits
from ingest.isolation.parent import Child
from ingest.isolation.wire import (
    BrokenWire,
    Refusal,
    Request,
    number_in,
    receive,
    receive_head,
    text_in,
)
from ingest.pictures.page import MOST_LETTERS, SCALE, PagePicture

SECONDS = 20.0  # for a request; a usual page takes a tenth of a second
_MOST_PICTURE = 16 << 20
_MOST_SIDE = 10_000
_JPEG = b"\xff\xd8\xff"
# Pages that somebody looks at do not wait for files that are being read.
_TURNS = BoundedSemaphore(2)


def draw_apart(
    data: bytes, pages: Sequence[int], limits: Limits = LIMITS
) -> dict[int, PagePicture | None]:
    """Some pages of a PDF, by their numbers from 1; None for one that cannot be drawn.

    Raises NeedsPassword for an encrypted file, TooLarge where a limit is reached, DamagedDocument.
    """
    request = Request(
        name="page",
        password=None,
        size=len(data),
        memory_bytes=limits.memory_bytes,
        seconds=SECONDS + limits.seconds_per_mb * len(data) / 1e6,
        most_text=MOST_LETTERS,
        kind="page",
        pages=tuple(pages),
    )
    found: dict[int, PagePicture | None] = {}
    with _TURNS, Child(request) as child:
        child.tell(data)
        for page in pages:
            reply = child.hear(_picture)
            if isinstance(reply, Refusal):
                raise reply.error
            found[page] = reply
    return found


def _picture(stream: IO[bytes]) -> PagePicture | Refusal | None:
    """Read one page. Raises BrokenWire for what is none."""
    head = receive_head(stream)
    if isinstance(head, Refusal):
        return head
    if head.get("missing") is True:
        return None
    try:
        letters, boxes = text_in(head["letters"]), head["boxes"]
        pages, width, height = (number_in(head[name]) for name in ("pages", "width", "height"))
        sound = (
            isinstance(boxes, list)
            and len(boxes) == 4 * len(letters)
            and len(letters) <= 4 * MOST_LETTERS  # a ligature is several
            and 0 < width <= _MOST_SIDE
            and 0 < height <= _MOST_SIDE
        )
        if not sound or any(number_in(value) > SCALE for value in boxes):
            raise BrokenWire("no page")
    except (KeyError, TypeError) as error:
        raise BrokenWire("no page") from error
    picture = receive(stream, _MOST_PICTURE)
    if not picture.startswith(_JPEG):
        raise BrokenWire("no picture")
    return PagePicture(pages, width, height, letters, tuple(boxes), picture)
