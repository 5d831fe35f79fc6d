"""``recognise_apart``: the text of scanned pages, recognised in processes with limits.

The limits are for a page and not for a file: a child takes a few pages, and a page that breaks it
is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ingest.book import UnreadableDocument
from ingest.isolation.parent import Child, turn
from ingest.isolation.wire import Refusal, Request, number_in, receive_head, text_in

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
            for _ in batch:
                reply = child.hear(receive_head)
                if isinstance(reply, Refusal):
                    break
                found[number_in(reply.get("page"))] = text_in(reply.get("text"))
                done += 1
                on_page(len(pages) - len(waiting) + done, len(pages))
        waiting = waiting[max(done, 1) :] if done < len(batch) else waiting[len(batch) :]
        if done < len(batch) and done:
            waiting = waiting[1:]  # the page at which the child ended
    return {page: text for page, text in found.items() if page in set(pages)}
