"""What goes into the notebook: an answer, a passage, a summary, or words of the reader's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.errors import InvalidSetting
from app.storage.store import Document, Message, Note, Store, Summary
from app.taking.contents import QUOTES, answer_text
from ingest.book import Page
from ingest.pages import PageIndex

LONGEST = 20_000  # characters of a note
_PLACE = ("text", "start", "end", "page_first", "page_last", "label_first", "label_last")


def answer_note(messages: Sequence[Message], index: int) -> Note:
    """An answer of a chat with its question and its sentences. Raises InvalidSetting."""
    if not 0 <= index < len(messages) or messages[index].role != "assistant":
        raise InvalidSetting("This answer is not in the chat any more; open the chat again.")
    answer = messages[index]
    asked = [message.text for message in messages[:index] if message.role == "user"]
    text, places = answer_text(answer), list[Mapping[str, Any]](answer.evidence[:QUOTES])
    if answer.items:
        text = "\n".join([text, *(f"- {item['answer']}" for item in answer.items)])
        places = [place for item in answer.items for place in item["evidence"]]
    cited = tuple(
        {name: place[name] for name in _PLACE} | {"reading_id": answer.reading_id}
        for place in places
        if all(name in place for name in _PLACE)
    )
    return Note("answer", text, asked[-1] if asked else "", citations=cited)


def passage_note(store: Store, document: Document, start: int, end: int) -> Note:
    """A passage of the text, word for word. Raises InvalidSetting."""
    pages = store.pages(document.reading)
    if not 0 <= start < end <= pages[-1].end or end - start > LONGEST:
        raise InvalidSetting(
            f"Choose a passage of the text, of at most {LONGEST:,} characters; then keep it."
        )
    text = store.text_part(document.reading, start, end)
    start += len(text) - len(text.lstrip())
    text = text.strip()
    place = _place(document, pages, text, start, start + len(text))
    return Note("passage", " ".join(text.split()), citations=(place,))


def summary_note(store: Store, document: Document, summary: Summary) -> Note:
    """A summary, each sentence with the pages that it was made from."""
    pages = {page.number: page for page in store.pages(document.reading)}
    cited = tuple(
        _on_pages(document, pages[s["page_first"]], pages[s["page_last"]], str(s["text"]))
        for s in summary.sentences
        if s["page_first"] in pages and s["page_last"] in pages
    )
    return Note("summary", summary.summary, summary.title, citations=cited)


def own_note(store: Store, document: Document, text: str, page: str | None = None) -> Note:
    """Words of the reader's own, about a page where one is given. Raises InvalidSetting.

    page: as printed.
    """
    if not text.strip():
        raise InvalidSetting("The note is empty; write something.")
    checked_remark(text)
    if page is None:
        return Note("note", text.strip())
    named = [p for p in store.pages(document.reading) if p.label == page.strip()]
    if not named:
        raise InvalidSetting(f"Page {page!r:.40} is not there, or has no text; give another page.")
    return Note(
        "note", text.strip(), citations=(_on_pages(document, named[0], named[0], text.strip()),)
    )


def checked_remark(text: str) -> str:
    """What a reader wrote beside a note. Raises InvalidSetting for too much."""
    if len(text) > LONGEST:
        raise InvalidSetting(
            f"This note has {len(text):,} characters and the limit is {LONGEST:,}; shorten it."
        )
    return text.strip()


def _on_pages(document: Document, first: Page, last: Page, text: str) -> dict[str, Any]:
    return {
        "text": text,
        "start": first.start,
        "end": first.start,
        "page_first": first.number,
        "page_last": last.number,
        "label_first": first.label,
        "label_last": last.label,
        "reading_id": document.reading.id,
    }


def _place(
    document: Document, pages: Sequence[Page], text: str, start: int, end: int
) -> dict[str, Any]:
    first, last = PageIndex(pages).of(start, end)
    return _on_pages(document, first, last, text) | {"start": start, "end": end}
