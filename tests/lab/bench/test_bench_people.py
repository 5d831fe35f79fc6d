"""The figure for people against lists made by hand, on small books; and the lists themselves."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidSetting
from lab.bench.people import LISTS, Listed, book_figures, listed_of, people_figures, plain

TEXT = (
    "“Come in,” said Mara Holt. Then Mara smiled at Mr. Kerr. “No,” said Mr. Kerr. They met Miss "
    "Holt, and Mr. Kerr went. “Yes,” said Bruno. Then Bruno smiled.\n\n"
)
MARA = Listed("Mara Holt", frozenset({"Mara", "Mara Holt", "Miss Holt"}), frozenset())
KERR = Listed("Anton Kerr", frozenset({"Mr Kerr"}), frozenset({"Anton"}))


def test_people_of_the_list_and_their_joined_names_are_counted() -> None:
    row = book_figures(TEXT, [MARA, KERR])
    assert (row["on the list"], row["joined"], row["of"]) == (2, 2, 3)
    assert "Bruno 2 (not listed)" in row["found"]


def test_a_name_that_is_missing_from_the_joined_ones_is_seen() -> None:
    more = Listed("Mara Holt", MARA.variants | {"Bruno"}, frozenset())
    row = book_figures(TEXT, [more, KERR])
    assert "Mara Holt 3 (not joined)" in row["found"]


def test_somebody_elses_name_among_the_joined_ones_is_seen() -> None:
    mother = Listed("Mrs. Holt", frozenset({"Miss Holt"}), frozenset())
    mara = Listed("Mara Holt", frozenset({"Mara", "Mara Holt"}), frozenset())
    assert "Mara Holt 3 (not joined)" in book_figures(TEXT, [mara, mother, KERR])["found"]


def books(folder: Path, text: str) -> tuple[Path, Path]:
    data, lists = folder / "books.jsonl.gz", folder / "lists.json"
    record = {"id": "b", "title": "Small", "split": "val", "text": text, "questions": []}
    data.write_bytes(gzip.compress(json.dumps(record).encode()))
    person = {"name": "Mara Holt", "variants": ["Mara"], "also": ["Miss Holt"]}
    entry = {
        "id": "b",
        "title": "Small",
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "people": [person],
    }
    lists.write_text(json.dumps([entry]), "utf-8")
    return data, lists


def test_books_are_found_by_their_ids(tmp_path: Path) -> None:
    rows = people_figures(*books(tmp_path, TEXT))["rows"]
    assert [(row["book"], row["on the list"]) for row in rows] == [("Small", 1)]


def test_a_list_for_another_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="Small"):
        people_figures(*books(tmp_path, TEXT + "More."))


def test_the_lists_are_well_formed() -> None:
    entries: list[dict[str, Any]] = json.loads(LISTS.read_text("utf-8"))
    assert len(entries) >= 3
    for entry in entries:
        people = listed_of(entry)
        assert len(people) >= 10
        names = [name for person in people for name in person.variants]
        assert len(names) == len(set(names)), "a name that must be joined belongs to one person"
        assert all(person.variants for person in people)
        assert plain("Mr. X") == "Mr X"
