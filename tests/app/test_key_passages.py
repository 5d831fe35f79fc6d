"""Key passages, and what is checked of a generated summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from novels import novel, read_novel
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidSetting
from app.library import Library
from app.position import set_position
from app.storage.store import Message, Summary
from app.summaries.key_passages import key_passages, most_central, stands_alone
from app.summaries.shown import Showing
from app.summaries.summarizer import Summarizer
from app.summaries.told import Told, is_supported, joined, pages_of, sentences_of, told
from app.taking.contents import chat_taken, summaries_taken
from app.taking.markdown import markdown
from app.ui.texts import summaries_html
from ingest.book import Page

LIGHT = (
    "The keeper of the lighthouse lit the lamp every evening at dusk. He never spoke of it to us. "
    "Rain fell. The lamp of the lighthouse burned until the keeper went home in the morning. "
    "Somebody had painted a door green in the village behind the hill. "
    "One evening the keeper did not light the lamp, and a ship ran on the rocks near the "
    "lighthouse."
)


def test_passages_are_quoted_from_the_text_in_its_order() -> None:
    pages = [Page(1, "i", 0, 100), Page(2, "ii", 100, len(LIGHT))]
    found = key_passages(LIGHT, 0, len(LIGHT), pages, 2)
    assert [LIGHT[p.start : p.end] for p in found] == [p.text for p in found]
    assert [p.start for p in found] == sorted(p.start for p in found)
    assert len(found) == 2 and all("lighthouse" in p.text for p in found)
    assert [p.label_first for p in found] == ["i" if p.start < 100 else "ii" for p in found]


def test_no_passage_begins_with_somebody_unnamed() -> None:
    assert not stands_alone("He went to the harbour and sold the boat to Anton.")
    assert not stands_alone("But the keeper had gone home before the storm began.")
    assert not stands_alone("Rain fell.")
    assert not stands_alone("The Adventure of the Keeper and his Lamp")
    assert stands_alone("The keeper had gone home before the storm began.")


@given(st.text(alphabet="ab. \nA", max_size=200), st.integers(1, 9))
def test_any_text_has_passages_of_its_own(text: str, count: int) -> None:
    found = key_passages(text, 0, len(text), [Page(1, "1", 0, max(1, len(text)))], count)
    assert len(found) <= count
    assert all(" ".join(text[p.start : p.end].split()) == p.text for p in found)


def test_nothing_is_central_in_nothing() -> None:
    assert most_central([], 3) == []
    assert most_central(["Rain fell."], 3) == [0]


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("Mara sold the boat to Anton.", True),
        ("Mara sold the boat to Sherlock.", False),
        ("However, the boat was sold.", True),
        ("The boat was sold for 40 crowns.", True),
        ("The boat was sold for 45 crowns.", False),
        ("In 1890 Mara sold it.", False),
    ],
)
def test_names_and_numbers_must_be_in_the_source(sentence: str, supported: bool) -> None:
    source = "Mara was glad. She sold Anton her boat for 40 crowns, and the house."
    assert is_supported(sentence, source) is supported


def test_sentences_carry_the_pages_of_their_source() -> None:
    parts = told("Mara went. Sherlock came. Dr. Anton stayed.", "Mara and Dr. Anton", (3, 4))
    assert [p.text for p in parts] == ["Mara went.", "Dr. Anton stayed."]
    more = [*parts, Told("They left.", 9, 9)]
    text = joined(more, "\n")
    assert pages_of(more, 0, 5) == (3, 4)
    assert pages_of(more, text.index("They"), len(text)) == (9, 9)
    assert pages_of(more, 0, len(text)) == (3, 9)
    assert sentences_of("One two. Three") == ["One two.", "Three"]


def test_a_chapter_s_sentences_are_stored_with_their_pages(library: Library) -> None:
    document = read_novel(library)
    made = Summarizer(library).chapter(document, 2)
    assert library.store.summaries(document)[2] == made
    assert made.summary == " ".join(s["text"] for s in made.sentences)
    source = library.store.text(document.reading.text_id).text
    assert all(is_supported(s["text"], source) for s in made.sentences)
    book = Summarizer(library).book(document)
    assert all(s["page_first"] >= 1 for s in book.sentences)


def test_lengths_and_styles(library: Library) -> None:
    document = read_novel(library)
    sentences = tuple(
        {"text": f"Mara found the key number {n} in the harbour.", "page_first": 1, "page_last": 1}
        for n in range(9)
    )
    made = Summary(1, "Chapter 1", " ".join(s["text"] for s in sentences), sentences)
    whole = Showing(library.store, document).show(made)
    assert whole.summary == made.summary and len(whole.passages) >= 1
    short = Showing(library.store, document, "sentence").show(made)
    assert len(short.sentences) == 1 and short.summary == short.sentences[0]["text"]
    bullets = Showing(library.store, document, "paragraph", "bullets").show(made)
    assert bullets.summary.count("- ") == 5 == len(bullets.sentences)
    for length, style in (("word", "prose"), ("page", "poem")):
        with pytest.raises(InvalidSetting):
            Showing(library.store, document, length, style)


def test_an_older_summary_is_shown_as_it_is(library: Library) -> None:
    document = read_novel(library)
    shown = Showing(library.store, document, "sentence").show(Summary(1, "Chapter 1", "Long ago."))
    assert shown.summary == "Long ago." and shown.sentences == ()


def test_the_page_shows_quotations_only_of_what_was_read(library: Library) -> None:
    document = read_novel(library)
    set_position(library, document, chapter=1)
    chapters = library.store.chapters(document.reading)
    showing = Showing(library.store, document, "paragraph")
    html = summaries_html(document, chapters, {}, showing, library.store.read_to(document.id))
    assert html.count("Key passages") == 1 and html.count("you have not finished it") == 2
    assert f"#read={document.reading.id}:" in html
    whole = summaries_html(document, chapters, {}, showing)
    assert whole.count("Key passages") == 3


def test_the_command_line_prints_pages_and_passages(
    tmp_path: Path, tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"home": tmp_path, "backbone": tiny_backbone, "window": 32}.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(value))
    file = tmp_path / "novel.md"
    file.write_bytes(novel())
    known = json.loads(CliRunner().invoke(app, ["ingest", str(file), "--json"]).stdout)["id"]
    words = ["summarize", known, "--length", "sentence", "--style", "bullets", "--json"]
    made = json.loads(CliRunner().invoke(app, words).stdout)
    for each in made["summaries"]:
        assert set(each) == {"chapter", "title", "summary", "sentences", "key_passages"}
        assert all(set(p) == {"text", "page_first", "page_last"} for p in each["key_passages"])
        assert len(each["key_passages"]) == 1
    assert made["book"] is not None
    told = CliRunner().invoke(app, ["summarize", known, "--chapter", "1"])
    assert "“" in told.stdout and "(p. 1)" in told.stdout


def test_summaries_and_chats_as_markdown(library: Library) -> None:
    document = library.rename(read_novel(library).id, "A *starred* title")
    showing = Showing(library.store, document, "paragraph")
    made = Summarizer(library).chapter(document, 1)
    written = markdown(summaries_taken(document, [showing.show(made)], showing.labels))
    assert written.startswith("# A \\*starred\\* title\n\n## 1\\. Chapter 1".replace("1\\.", "1."))
    assert "> " in written and "(page 1)" in written
    place = {"text": "She *found* it.", "label_first": "3", "label_last": "4"}
    answers = [
        Message("user", "Who?"),
        Message("assistant", "Mara", evidence=[place]),
        Message("user", "Everyone?"),
        Message("assistant", "Two", items=[{"answer": "Anton", "evidence": [place]}]),
    ]
    chat = markdown(chat_taken(document, answers))
    assert "## Who?\n\nMara\n\n> She \\*found\\* it. (pages 3-4)" in chat
    assert "- Anton\n\n  > She" in chat
