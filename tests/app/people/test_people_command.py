"""`bookstate people`, and the lists of stored documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import REFUSALS
from app.library import Library
from app.people import stored
from app.people.stored import people_of
from app.position import set_position
from app.settings import Settings
from app.state_reader import Scope

BOOK = """# One

“Come in,” said Mara Holt. Mara was a pilot of the old harbour in Sandhaven, and Mara smiled.

# Two

“Who is it?” asked Anton. Then Anton Kerr smiled at Miss Holt. They came to Sandhaven at night.
"""
KEYS = {"name", "variants", "mentions", "chapters", "first_page", "quotes"}


@pytest.fixture
def library(home: Path, tiny_backbone: Path) -> Library:
    settings = Settings.model_validate(
        {"home": home, "backbone": str(tiny_backbone), "window": 32, "keep_ratio": 0.25}
    )
    return Library(settings)


@pytest.fixture
def known(
    library: Library, home: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """The id of a document of two chapters, in the library that commands use."""
    for name, value in {
        "backbone": str(tiny_backbone),
        "window": "32",
        "keep_ratio": "0.25",
    }.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)
    return library.add(BOOK.encode(), "book.md").document.id


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["people", *map(str, arguments)])


def listed(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr or result.exception
    value: dict[str, Any] = json.loads(result.stdout)
    return value


def test_json_has_exactly_what_was_agreed(known: str) -> None:
    value = listed(known)
    assert set(value) == {"people", "places"}
    for named in (*value["people"], *value["places"]):
        assert set(named) == KEYS
        for quote in named["quotes"]:
            assert set(quote) == {"text", "page_first", "chapter"}
    mara = value["people"][0]
    assert mara["name"] == "Mara Holt"
    assert set(mara["variants"]) == {"Mara", "Mara Holt", "Miss Holt"}
    assert (mara["mentions"], mara["chapters"], mara["first_page"]) == (4, [1, 2], 1)
    assert [place["name"] for place in value["places"]] == ["Sandhaven"]


def test_only_what_was_read_counts(known: str) -> None:
    value = listed(known, "--as-of-chapter", 1)
    assert [named["name"] for named in value["people"]] == ["Mara Holt"]
    assert set(value["people"][0]["variants"]) == {"Mara", "Mara Holt"}
    assert "Anton" not in json.dumps(value)


def test_the_readers_place_holds_unless_it_is_lifted(known: str, library: Library) -> None:
    whole = listed(known)
    document = library.store.document(known)
    set_position(library, document, chapter=1)
    assert "Anton" not in json.dumps(listed(known))
    assert (
        listed(known) == listed(known, "--as-of-chapter", 1) == listed(known, "--as-of-chapter", 2)
    )
    assert listed(known, "--whole-book") == whole


def test_a_chapter_that_is_not_there_is_refused(known: str) -> None:
    result = run(known, "--as-of-chapter", 9)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_people_can_read_the_list(known: str) -> None:
    result = run(known)
    assert "Mara Holt (Mara, Miss Holt): 4 times, first on p. 1" in " ".join(result.stdout.split())


def test_a_list_is_made_once_for_the_same_text(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_kept", type(stored._kept)())
    document = library.add(BOOK.encode(), "book.md").document
    first = people_of(library, document)
    monkeypatch.setattr(stored, "people", None)  # calling it again would fail
    assert people_of(library, document) is first
    with pytest.raises(TypeError):
        people_of(library, document, Scope(as_of_chapter=1))


def test_another_scope_is_another_list(library: Library) -> None:
    document = library.add(BOOK.encode(), "book.md").document
    assert people_of(library, document) != people_of(library, document, Scope(as_of_chapter=1))
    with pytest.raises(REFUSALS):
        people_of(library, document, Scope(as_of_chapter=3))


def test_a_text_in_another_language_says_that_the_rules_are_for_english(library: Library) -> None:
    text = (
        "Der alte Fischer wohnte mit seiner Frau in einer kleinen Hütte am Meer. Jeden Morgen ging "
        "er zum Strand und warf sein Netz aus, und am Abend kam er müde nach Hause zurück. "
    )
    german = library.add((text * 6).encode(), "fischer.txt").document
    assert "in German" in people_of(library, german).note
    english = library.add(BOOK.encode(), "book.md").document
    assert people_of(library, english).note == ""
