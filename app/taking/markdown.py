"""What is taken along as Markdown."""

from __future__ import annotations

from app.taking.taken import Cited, Entry, Taken

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>#|"})


def plain(text: str) -> str:
    """Text on one line in which no character is Markdown's."""
    return " ".join(text.split()).translate(_SPECIAL)


def markdown(taken: Taken) -> str:
    """Headings, paragraphs, and quotes with their pages."""
    parts = [f"# {plain(taken.title)}"]
    if taken.author:
        parts.append(plain(taken.author))
    for section in taken.sections:
        parts.append(f"{'#' * (section.level + 1)} {plain(section.title)}")
        for entry in section.entries:
            parts += _entry(entry)
    return "\n\n".join(parts) + "\n"


def _entry(entry: Entry) -> list[str]:
    parts = []
    if entry.sentences:
        parts.append(" ".join(f"{plain(s.text)} ({plain(s.short)})" for s in entry.sentences))
    elif entry.text:
        parts.append(f"- {plain(entry.text)}" if entry.is_item else plain(entry.text))
    inside = "  " if entry.is_item else ""
    parts += [f"{inside}{_quote(quote)}" for quote in entry.quotes]
    if entry.remark:
        parts.append(f"*Note:* {plain(entry.remark)}")
    return parts


def _quote(quote: Cited) -> str:
    return f"> {plain(quote.text)} ({plain(quote.pages)})"
