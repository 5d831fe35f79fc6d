"""Chats and summaries as Markdown, with the pages and sentences that they rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.storage.records import Document
from app.storage.store import Message
from app.summaries.shown import Shown

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>#|"})


def plain(text: str) -> str:
    """Text on one line in which no character is Markdown's."""
    return " ".join(text.split()).translate(_SPECIAL)


def chat_markdown(document: Document, messages: Iterable[Message]) -> str:
    """A chat: each question, its answer, and the sentences under it with their pages."""
    parts = [f"# {plain(document.title)}"]
    for message in messages:
        if message.role == "user":
            parts.append(f"## {plain(message.text)}")
            continue
        parts.append(plain(message.text))
        parts += [_quoted(place) for place in message.evidence[:3]]
        for item in message.items:
            parts.append(f"- {plain(str(item['answer']))}")
            parts += [f"  {_quoted(place)}" for place in item["evidence"]]
    return "\n\n".join(parts) + "\n"


def summaries_markdown(document: Document, shown: Sequence[Shown]) -> str:
    """Summaries, each sentence with its pages, and the key passages of each chapter."""
    parts = [f"# {plain(document.title)}"]
    for each in shown:
        title = f"{each.chapter}. {each.title}" if each.chapter else each.title
        parts.append(f"## {plain(title)}")
        if each.sentences:
            parts.append(" ".join(f"{plain(str(s['text']))} {_pages(s)}" for s in each.sentences))
        elif each.summary:
            parts.append(plain(each.summary))
        parts += [f"> {plain(p.text)} (page {plain(p.label_first)})" for p in each.passages]
    return "\n\n".join(parts) + "\n"


def _quoted(place: Mapping[str, Any]) -> str:
    first, last = str(place["label_first"]), str(place["label_last"])
    where = f"page {first}" if first == last else f"pages {first}-{last}"
    return f"> {plain(str(place['text']))} ({plain(where)})"


def _pages(sentence: Mapping[str, Any]) -> str:
    first, last = sentence["page_first"], sentence["page_last"]
    return f"(p. {first})" if first == last else f"(pp. {first}-{last})"
