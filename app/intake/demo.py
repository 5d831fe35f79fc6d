"""The short story that comes with bookstate, to try it with before one has a book at hand."""

from __future__ import annotations

from importlib.resources import files

DEMO_FILE = "the-tide-clock.md"
DEMO_QUESTIONS = (
    "Why were Ambrose's tables right?",
    "What does Edda sell?",
    "Who was at the tiller of the Wren?",
)


def demo_book() -> bytes:
    """The story as a Markdown file."""
    return (files("assets") / "demo" / DEMO_FILE).read_bytes()
