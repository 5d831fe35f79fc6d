"""Giving a new version in the page, and what it says about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from novels import novel, read_novel

from app.library import Library
from app.revision.changes import Changes, ChapterChange
from app.ui.generations import Generations
from app.ui.session import Session
from app.ui.tabs.documents.version import AWAITED, MOST_ROWS, NewVersion, changes_html
from app.ui.visitors import Visiting
from app.worker import Worker

gr = pytest.importorskip("gradio")
CHANGED = novel().replace(b"# Chapter 2", b"# Chapter 2\n\nA marble owl sat on the mill.", 1)


@pytest.fixture
def session(library: Library) -> Session:
    visiting = Visiting(library)
    return Session(visiting, Worker(library), Generations(visiting))


@pytest.fixture
def tab(session: Session) -> NewVersion:
    with gr.Blocks():
        return NewVersion(session, gr.Dropdown())


def given(tmp_path: Path, data: bytes) -> str:
    file = tmp_path / "novel 2.md"
    file.write_bytes(data)
    return str(file)


def test_a_file_is_read_in_the_background(
    library: Library, session: Session, tab: NewVersion, tmp_path: Path
) -> None:
    document = read_novel(library)
    assert tab.shown(document) == ""
    file = given(tmp_path, CHANGED)
    assert tab.give(document.id, file, "") == [None, "", ""]
    assert not Path(file).exists()
    shown = tab.shown(document)
    assert AWAITED in shown and "<details class='bs-found' open>" in shown
    assert "2. Chapter 2: 7 words added (page 1)" in shown
    (job,) = library.store.jobs("queued")
    unfinished = session.unfinished(document)
    assert unfinished is not None and unfinished.id == job.reading_id
    assert tab.title(document, unfinished) == "The new version"
    library.read(job.reading_id)
    assert AWAITED not in tab.shown(document) and "7 words added" in tab.shown(document)


def test_what_cannot_be_a_version_is_refused(
    library: Library, tab: NewVersion, tmp_path: Path
) -> None:
    document = read_novel(library)
    assert "Open a document first" in tab.give(None, None, "")[2]
    assert "Open a document first" in tab.give("0" * 12, None, "")[2]
    assert "Choose the changed file first" in tab.give(document.id, None, "")[2]
    file = given(tmp_path, novel())
    assert "is here already" in tab.give(document.id, file, "")[2]
    assert Path(file).exists()
    assert library.store.jobs() == []


def test_a_title_is_no_html_and_long_lists_are_cut() -> None:
    chapters = (ChapterChange(1, "<b>x", "new"),) * (MOST_ROWS + 5)
    html = changes_html(Changes(chapters, 9, 9, 9, 0), "2026-12-01", is_open=False)
    assert "<b>" not in html and "&lt;b&gt;x: new" in html
    assert html.count("<li>") == MOST_ROWS + 1 and "and 6 more" in html
