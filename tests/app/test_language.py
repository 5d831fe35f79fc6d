"""Questions in a language that the backbone was not taught."""

from __future__ import annotations

import pytest

from app.answering.language import language_of, not_taught

SMALL = "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Wie heißt der Fährmann?", "German"),
        ("Darf der Mieter einen Hund halten?", "German"),
        ("Qui est le locataire ?", "French"),
        ("¿Quién es el inquilino?", "Spanish"),
        ("Кто убил старуху?", "Russian"),
        ("谁是凶手?", "Chinese"),
    ],
)
def test_another_language_is_named(question: str, language: str) -> None:
    assert language_of(question) == language
    assert not_taught(question, SMALL) == language
    assert not_taught(question, "qwen3-4b") is None  # what it was taught is not known here


@pytest.mark.parametrize(
    "question",
    [
        "Who is Fräulein Schmidt?",
        "Where is the château de Malmaison?",
        "Was Anna hungry?",
        "May Mr Wieczorek keep a dog?",
        "Vasudeva?",
        "Why?",
        "",
        "?!",
    ],
)
def test_english_and_what_is_uncertain_are_not(question: str) -> None:
    assert not_taught(question, SMALL) is None
