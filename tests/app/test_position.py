"""How far the reader is: nothing that comes later changes a bit of what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from novels import KINDS, kind_settings, novel, read_novel
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidQuestion, InvalidSetting
from app.library import Library
from app.position import Position, position_of, scope_for, set_position
from app.state_reader import Scope
from app.storage.store import Document
from app.summaries.summarizer import Summarizer
from ingest.segments import split_book

QUESTION = "Who found the key in the harbour?"


def with_other_end(seed: int) -> bytes:
    """A novel whose first two chapters are always the same, and whose last two are not."""
    same = novel(2, 6, seed=1)
    other = novel(4, 5 + seed, seed=seed).split(b"# Chapter 3")[1]
    return same + b"# Chapter 3" + other.replace(b"key", b"anchor" if seed % 2 else b"key")


@pytest.fixture(params=KINDS)
def kind_library(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_backbone: Path
) -> Iterator[Library]:
    library = Library(kind_settings(tmp_path, tiny_backbone, request.param))
    yield library
    library.close()


def everything(library: Library, document: Document) -> dict[str, Any]:
    """All that a reader can be told, without times and ids."""
    stream = library.ask(document.id, QUESTION)
    said = "".join(stream)
    answer = library.answer(document.id, stream).to_dict()
    made = Summarizer(library)
    told: dict[str, Any] = {
        "answer": {k: v for k, v in answer.items() if not k.endswith("seconds")},
        "said": said,
        "chapters": [(s.chapter, s.title, s.summary) for s in made.chapters(document)],
        "story": made.book(document).summary,
    }
    return told


def test_what_comes_later_changes_no_bit(kind_library: Library) -> None:
    library = kind_library
    told = []
    for seed in (3, 4, 5):
        document = library.add(with_other_end(seed), f"novel{seed}.md").document
        assert len(library.store.chapters(document.reading)) == 4
        set_position(library, document, chapter=2)
        told.append(everything(library, document))
    assert told[0] == told[1] == told[2]
    assert told[0]["chapters"][-1][0] == 2


def test_without_a_place_the_whole_book_is_open(library: Library) -> None:
    first = library.add(with_other_end(3), "a.md").document
    second = library.add(with_other_end(4), "b.md").document
    assert position_of(library, first) == Position()
    assert everything(library, first) != everything(library, second)


def test_a_place_is_a_chapter_or_a_page_and_is_forgotten(library: Library) -> None:
    document = read_novel(library)
    assert set_position(library, document, chapter=2).chapter == 2
    assert position_of(library, document).page == 1
    assert set_position(library, document, page=1).chapter == 3  # a short book of one page
    assert set_position(library, document) == Position()
    for wrong in ({"chapter": 4}, {"chapter": 0}, {"page": 9}, {"chapter": 1, "page": 1}):
        with pytest.raises(InvalidSetting):
            set_position(library, document, **wrong)


def test_a_page_holds_back_the_rest_of_its_chapter(library: Library) -> None:
    text = " ".join(f"Ilse lost the lamp number {n} at the inn." for n in range(300))
    document = library.add(text.encode(), "long.txt").document
    pages = library.store.pages(document.reading)
    assert len(pages) > 2
    set_position(library, document, page=2)
    inside = library.states.inside(document, library.reader_scope(document))
    ends = library.store.segment_ends(document.reading)
    assert ends[inside[-1]] <= pages[1].end < ends[inside[-1] + 1]


def test_what_was_not_read_is_refused_and_can_be_lifted(library: Library) -> None:
    document = read_novel(library)
    set_position(library, document, chapter=1)
    scope = scope_for(library, document, Scope(chapter=3))
    with pytest.raises(InvalidQuestion, match="behind the place"):
        list(library.ask(document.id, QUESTION, scope))
    with pytest.raises(InvalidQuestion, match="not finished chapter 3"):
        Summarizer(library).chapter(document, 3)
    lifted = scope_for(library, document, Scope(chapter=3), whole_book=True)
    assert list(library.ask(document.id, QUESTION, lifted))
    assert Summarizer(library, whole_book=True).chapter(document, 3).chapter == 3
    assert Summarizer(library).book(document).chapter == -1
    assert [s.chapter for s in Summarizer(library).chapters(document)] == [1]


def test_the_place_goes_with_its_document(library: Library) -> None:
    document = read_novel(library)
    set_position(library, document, chapter=1)
    library.remove(document.id)
    again = read_novel(library)
    assert position_of(library, again) == Position()


def test_the_command_line_keeps_to_the_place(
    tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "home": tmp_path,
        "backbone": tiny_backbone,
        "window": 32,
        "keep_ratio": 0.25,
        "answer_tokens": 6,
    }.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(value))

    def run(*words: object) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*map(str, words), "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    file = tmp_path / "novel.md"
    file.write_bytes(novel())
    known = run("ingest", file)["id"]
    assert run("position", known) == {"chapter": None, "page": None}
    assert run("position", known, "--chapter", 1) == {"chapter": 1, "page": 1}
    sources = run("ask", known, QUESTION)["sources"]
    assert {source["chapter"] for source in sources} == {1}
    whole = run("ask", known, QUESTION, "--whole-book")["sources"]
    assert {source["chapter"] for source in whole} > {1}
    assert [s["chapter"] for s in run("summarize", known, "--chapters")["summaries"]] == [1]
    assert run("summarize", known, "--so-far")["book"]
    refused = CliRunner().invoke(app, ["ask", known, QUESTION, "--chapter", "3"])
    assert refused.exit_code == 1 and "--whole-book" in " ".join(refused.stderr.split())
    assert run("position", known, "--clear") == {"chapter": None, "page": None}


def test_segments_before_a_change_are_cut_as_before() -> None:
    """The memory reads the same windows of the first chapters, whatever follows."""
    from ingest.readers import read_book

    cut = [
        [
            (s.start, s.end)
            for s in split_book(read_book(with_other_end(n), "a.md"), lambda t: len(t.split()), 32)
            if s.chapter < 2
        ]
        for n in (3, 4)
    ]
    assert cut[0] == cut[1]
