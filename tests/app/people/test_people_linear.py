"""Looking for names takes time in proportion to the text, hostile text too."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from clock import within
from small_books import pages_of

from app.people.who import people
from ingest.book import Chapter

ROOT = Path(__file__).parents[3]
PATTERNS = {
    f"{path.stem}:{name}": value
    for path in sorted((ROOT / "app" / "people").glob("*.py"))
    if path.stem not in ("stored", "as_json", "__init__")
    for name, value in vars(importlib.import_module(f"app.people.{path.stem}")).items()
    if isinstance(value, re.Pattern)
}
UNITS = (
    "A", "A ", "Ab ", "Ab-", "Ab'", "Ab'b", "A.", "A. ", "Mr. ", "Mr Mrs ", "Mr. Ab ", "“", "“Ab ",
    "\n", "\n \n", "Ab\n", "Ab\nAb ", " ", "  \n", "—", "--Ab", "Ab and ", "Ab of ", "Mr de ",
    "de Ab ", "Mary ", "Mary Smith. ", "Mary said. ", "Lord of Ab ", "'s", "Ab's ", "*_", "he ",
    "Mr. and Mrs. Ab ",
)  # fmt: skip
LENGTH = 100_000


@pytest.mark.parametrize("name", PATTERNS)
def test_each_pattern_of_names_is_linear(name: str) -> None:
    for unit in UNITS:
        text = unit * (LENGTH // len(unit)) + "\u0416"
        with within(1):
            at = 0
            while at < len(text) and (found := PATTERNS[name].search(text, at)):
                at = max(found.end(), at + 1) + len(text) // 200


@pytest.mark.parametrize("unit", UNITS)
def test_hostile_text_is_searched_in_one_pass(unit: str) -> None:
    text = unit * (LENGTH // len(unit)) + "x"
    with within(3):
        people(text, [Chapter("x", 0, len(text))], pages_of(text))


@pytest.mark.parametrize("kind", ["last names", "first names", "titles", "words"])
def test_very_many_names_are_joined_in_one_pass(kind: str) -> None:
    letters = [f"{a}{b}{c}" for a in "BCDFGHKLMN" for b in "aeiou" for c in "bcdfghklmnprst"]
    made = {
        "last names": [f"John X{word.lower()}" for word in letters],
        "first names": [f"{word}lo Smith" for word in letters],
        "titles": [f"{a} {b} {c} Smith" for a in ("Mr", "Sir") for b in ("Dr", "Lord", "Rev")
                   for c in ("Captain", "Judge", "Uncle")] * 40,
        "words": [f"{word}lo" for word in letters],
    }[kind]  # fmt: skip
    text = "He saw " + ". He saw ".join(made * 5) + "."
    with within(4):
        people(text, [Chapter("x", 0, len(text))], pages_of(text))
