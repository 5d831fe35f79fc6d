"""What people type into a chat leads to what the product has for it."""

from __future__ import annotations

import pytest

from app.answering.intents import Intent, intent_of


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Hello!", Intent("greeting")),
        ("hi there", Intent("greeting")),
        ("What can you do?", Intent("greeting")),
        ("Thank you very much", Intent("greeting")),
        ("Summarise the book", Intent("summary")),
        ("Please summarize this document.", Intent("summary")),
        ("Can you give me a short summary of the novel?", Intent("summary")),
        ("What is this book about?", Intent("summary")),
        ("What's it about?", Intent("summary")),
        ("Summary", Intent("summary")),
        ("TL;DR", Intent("summary")),
        ("What happens in chapter 3?", Intent("summary", 3)),
        ("Summarize chapter IV", Intent("summary", 4)),
        ("what happens in the second chapter", Intent("summary", 2)),
        ("Tell me about part two", Intent("summary", 2)),
        ("What happens in chapter 99?", Intent("question")),
        ("Where does it say that dogs are allowed?", Intent("passages")),
        ("Show me the passages about the storm", Intent("passages")),
        ("On which page is it said that he died?", Intent("passages")),
        ("Where is the lighthouse mentioned?", Intent("passages")),
        ("Where is the lighthouse?", Intent("question")),
        ("Who says hello?", Intent("question")),
        ("What happens in chapter 3 to the king's daughter?", Intent("question")),
        ("What is the summary judgment about?", Intent("question")),
        ("Who is the tenant?", Intent("question")),
        ("Why does the hero help the beggar?", Intent("question")),
        ("", Intent("question")),
    ],
)
def test_what_is_typed(text: str, intent: Intent) -> None:
    assert intent_of(text, chapters=12) == intent
