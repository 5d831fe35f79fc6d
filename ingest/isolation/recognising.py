"""``recognise_apart``: the text of scanned pages, recognised in processes with limits.

The limits are for a page and not for a file: a child takes a few pages, and a page that breaks it
is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO

from ingest.book import UnreadableDocument
from ingest.isolation.parent import Child, turn
from ingest.isolation.wire import Refusal, Request, receive_head, text_in

PAGES = 8  # of one child, which loads the models in a second or two
SECONDS_A_PAGE = 60.0
MEMORY = 4 << 30  # bytes of address space; the recogniser needs more than the readers
MOST_TEXT = 200_000  # characters of a page

OnPage = Callable[[int, int], None]
"""Called with how many pages are done, of how many."""


def recognise_apart(
    data: bytes, pages: Sequence[int], on_page: OnPage, *, password: str | None = None
) -> dict[int, str]:
    """The text of some pages of a PDF, by their numbers from 1; pages that break are left out."""
    found: dict[int, str] = {}
    waiting = list(pages)
    on_page(0, len(pages))
    while waiting:
        batch, done = tuple(waiting[:PAGES]), 0
        request = Request(
            name="pages",
            password=password,
            size=len(data),
            memory_bytes=MEMORY,
            seconds=SECONDS_A_PAGE * (1 + len(batch)),
            most_text=MOST_TEXT,
            kind="ocr",
            pages=batch,
        )
        with suppress(UnreadableDocument), turn(), Child(request) as child:
            child.tell(data)
            for page in batch:
                text = child.hear(_text)
                if isinstance(text, Refusal):
                    break
                found[page] = text
                done += 1
                on_page(len(pages) - len(waiting) + done, len(pages))
        waiting = waiting[done if done == len(batch) else done + 1 :]  # without the one it ended at
    return found


def _text(stream: IO[bytes]) -> str | Refusal:
    """Read the text of one page. Raises BrokenWire."""
    reply = receive_head(stream)
    return reply if isinstance(reply, Refusal) else text_in(reply.get("text"))
