"""`bench documents`: files made here, read by the product's own way, against what is in them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from document_makers import docx, epub, pdf, xhtml

from app.errors import InvalidSetting
from ingest.book import Book, Chapter, Page
from lab.bench.documents.labels import LABELS, Label, compare, read_labels
from lab.bench.documents.plain import NoReference, plain_text
from lab.bench.documents.poppler import Line, check_poppler
from lab.bench.documents.run import documents
from lab.bench.documents.running import judge, split_heads
from lab.bench.documents.words import overlap, words_of

BODY = [
    *("The lamp was lit before the fog came in.", "Nobody asked why.", "A door was shut at noon."),
    *("Our boat stayed dry.", "Dogs ran along that wall."),
]


def test_words_are_the_same_whatever_hyphens_ligatures_and_case_are() -> None:
    assert words_of("The ﬁrst har-\nbour, Well-Known.") == words_of("the first harbour well‐known")
    assert words_of("船は 3") == ["船", "は", "3"]


def test_recall_precision_and_order() -> None:
    found = overlap(["a", "b", "c", "d"], ["a", "c", "b", "d", "e"])
    assert found and (found.recall, found.precision, found.order) == (1.0, 0.8, 0.0)
    assert overlap([], ["a"]) is None


def test_plain_texts_have_what_is_shown_and_nothing_else() -> None:
    page = (
        "<html><head><title>No</title></head><body><p>Yes<script>no()</script></p><p hidden>No</p>"
    )
    assert words_of(plain_text(page.encode(), ".html") or "") == ["yes"]
    book = epub({"a.xhtml": xhtml("<p>One</p>", "t"), "b.xhtml": xhtml("<p>Two</p>", "t")})
    assert words_of(plain_text(book, ".epub") or "") == ["one", "two"]
    assert words_of(plain_text(b"[a](http://b) c <!-- d -->", ".md") or "") == ["a", "c"]
    assert plain_text(b"x", ".xyz") is None
    with pytest.raises(NoReference):
        plain_text(b"x", ".docx")


def test_a_docx_has_its_runs() -> None:
    text = plain_text(docx([("", "The quay")]), ".docx")
    assert words_of(text or "") == ["the", "quay"]


def sheet(head: str, number: int) -> list[Line]:
    lines = [Line(head, 0.05, 0.07), Line(str(number), 0.95, 0.97)]
    return lines + [Line(f"{word} {number}", 0.2 + n / 10, 0.23 + n / 10)
                    for n, word in enumerate(BODY)]  # fmt: skip


def test_heads_left_and_text_deleted_are_found() -> None:
    heads, bodies = split_heads([sheet("A book of lamps", n) for n in range(1, 21)])
    assert [line.text for line in heads[3]] == ["A book of lamps", "4"]
    bare = {n: "\n".join(f"{word} {n}" for word in BODY) for n in range(1, 21)}
    assert not judge(heads, bodies, bare).is_wrong()
    kept = judge(heads, bodies, {n: f"A book of lamps\n{text}" for n, text in bare.items()})
    assert len(kept.left) == 19 and kept.is_wrong()
    cut = judge(heads, bodies, {n: text.replace(BODY[0], "") for n, text in bare.items()})
    assert len(cut.deleted) == 20 and cut.is_wrong()


def test_chapters_against_a_label() -> None:
    text = "x" * 30
    titles = ("1 Introduction", "THE QUAY.", "Vol. 29 No. 2, 2007")
    chapters = tuple(Chapter(title, 10 * n, 10 * n + 10) for n, title in enumerate(titles))
    book = Book("b", text, chapters, (Page(1, "1", 0, 30),), "pdf")
    found = compare(book, Label("f", "r", "0", ("Introduction", "2. The Quay", "3. The Store")))
    assert found.invented == ("Vol. 29 No. 2, 2007",)
    assert found.missing == ("3. The Store",)


def test_the_list_that_ships_has_a_hundred_files() -> None:
    labels = read_labels(LABELS)
    assert len(labels) >= 100
    assert all(len(sha) == 64 and label.repository.count("/") == 1 for sha, label in labels.items())


def test_labels_of_another_form_are_refused(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl").write_text('{"file": "a"}\n', "utf-8")
    with pytest.raises(InvalidSetting, match="line 1"):
        read_labels(tmp_path / "l.jsonl")


def test_without_poppler_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InvalidSetting, match="poppler-utils"):
        check_poppler()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler is not installed")
def test_a_folder_is_read_and_compared(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    made = pdf(["The lamp was lit before the fog came in."])
    (folder / "a.pdf").write_bytes(made)
    (folder / "b.html").write_text("<html><body><p>Nobody came.</p></body></html>", "utf-8")
    (folder / "c.pdf").write_bytes(b"%PDF-1.4 nothing")
    label = {"file": "a.pdf", "repository": "a/b", "chapters": []}
    label["sha256"] = hashlib.sha256(made).hexdigest()
    (tmp_path / "labels.jsonl").write_text(json.dumps(label) + "\n", "utf-8")
    found = documents(
        folder,
        out=tmp_path / "out.jsonl",
        labels=tmp_path / "labels.jsonl",
        only_labelled=False,
        told=lambda *_: None,
    )
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [row["outcome"] for row in rows] == ["read", "read", "DamagedDocument"]
    assert rows[0]["words"]["recall"] == rows[1]["words"]["recall"] == 1.0
    assert rows[0]["seconds"] > 0 and rows[0]["peak_mib"] > 0
    assert found["files"] == 3 and found["files with labelled chapters"] == 1
    with pytest.raises(InvalidSetting, match="no files"):
        (tmp_path / "empty").mkdir()
        documents(tmp_path / "empty", out=None, labels=None, only_labelled=False, told=print)
