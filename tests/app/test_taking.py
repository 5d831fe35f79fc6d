"""What is taken along: the same content as Markdown, Word and JSON, with all words and pages."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from novels import bare_document, shelve
from typer.testing import CliRunner

from app.cli.main import app
from app.errors import InvalidArchive, InvalidSetting
from app.people.who import people
from app.storage.store import Message, Note, Store
from app.taking.contents import chat_taken, chats_taken, notes_taken, people_taken
from app.taking.files import KINDS, file_name, kind_of, write, written
from app.taking.taken import Cited, Entry, Section, Taken
from app.ui.taking import _as_file, _made
from ingest.book import Chapter, Page
from ingest.readers import read_book

PLACE = {
    "text": "“Mara *found* the key.”",
    "start": 3,
    "end": 20,
    "page_first": 3,
    "page_last": 4,
    "label_first": "iii",
    "label_last": "4",
    "reading_id": "abc",
}
TAKEN = Taken(
    "Ein Buch: 한국어, ½ & <b>",
    "Ada L.",
    "Notebook",
    (
        Section("Who found it?", (Entry("Perhaps: Mara", quotes=(Cited.of(PLACE),)),)),
        Section("All of them", (Entry("Anton", is_item=True), Entry("Wim\x00\x0b", is_item=True))),
        Section("Inside", (Entry(sentences=(Cited("It ends.", 1, 2, "1", "2"),)),), level=2),
        Section("Passage", (Entry(quotes=(Cited("A line.", 5, 5, "5", "5"),), remark="Mine!"),)),
    ),
)
WORDS = (
    "Ein Buch 한국어 ½ b Ada L Who found it Perhaps Mara iii 4 All of them Anton Wim Inside It "
    "ends pp 1 2 Passage A line page 5 Note Mine"
)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_a_word_document_opens_in_our_own_reader_with_all_words_and_headings() -> None:
    made = written(TAKEN, "docx")
    book = read_book(made, "notes.docx", password=None, recognised=None)
    assert book.title == TAKEN.title and book.author == TAKEN.author
    missing = set(words(WORDS)) - set(words(book.text))
    assert not missing
    titles = [chapter.title for chapter in book.chapters]
    assert [s.title for s in TAKEN.sections if s.level == 1] == [
        title for title in titles if title in {s.title for s in TAKEN.sections if s.level == 1}
    ]
    assert "“Mara *found* the key.” (pages iii-4)" in book.text
    assert "It ends. (pp. 1-2)" in book.text


def test_markdown_opens_in_our_own_reader_with_all_words() -> None:
    made = written(TAKEN, "md")
    book = read_book(made, "notes.md", password=None, recognised=None)
    assert set(words(WORDS)) <= set(words(book.text.replace("\\", "")))
    assert "\n## Who found it?\n\nPerhaps: Mara\n\n> " in made.decode()
    assert "<b>" not in made.decode()


def test_json_has_everything() -> None:
    made = json.loads(written(TAKEN, "json"))
    assert made["sections"][0]["entries"][0]["quotes"][0]["label_first"] == "iii"
    assert set(words(WORDS)) - {"pp", "page", "Note", "of"} <= set(
        words(json.dumps(made, ensure_ascii=False))
    )


def test_chats_people_and_notes_are_put_together() -> None:
    document = bare_document(title="Bare")
    place = {**PLACE, "label_last": "iii"}
    messages = [
        Message("user", "Who?"),
        Message("assistant", "Mara", 0.2, evidence=[place], word="guess"),
        Message("user", "Everyone?"),
        Message("assistant", "Two", items=[{"answer": "Anton", "evidence": [place]}]),
    ]
    chat = chat_taken(document, messages)
    assert [s.title for s in chat.sections] == ["Who?", "Everyone?"]
    assert chat.sections[0].entries[0].text == "Perhaps: Mara"
    assert chat.sections[1].entries[1].is_item
    several = chats_taken(document, [("First", messages), ("Second", [])])
    assert [(s.title, s.level) for s in several.sections][:2] == [("First", 1), ("Who?", 2)]
    text = "“Come in,” said Mara Holt. Mara was a pilot of the old harbour, and Mara smiled."
    chapters, pages = (Chapter("One", 0, len(text)),), (Page(1, "9", 0, len(text)),)
    named = people_taken(document, people(text, chapters, pages))
    assert named.sections[0].entries[0].text.startswith("Mara")
    assert "page 9" in named.sections[0].entries[0].text
    notes = [
        Note("answer", "Mara", "Who?", "sure?", (PLACE,)),
        Note("passage", "x", citations=(PLACE,)),
        Note("note", "own"),
    ]
    kept = notes_taken(document, notes)
    assert [s.title for s in kept.sections] == ["Who?", "Passage", "Note"]
    assert kept.sections[0].entries[0].remark == "sure?"


def test_files_are_written_whole_and_named_by_their_ending(tmp_path: Path, home: Path) -> None:
    home.mkdir()
    for kind in KINDS:
        out = tmp_path / f"notes.{kind.upper()}"
        write(TAKEN, out, home)
        assert out.stat().st_size > 100
    assert sorted(p.suffix for p in tmp_path.glob("notes.*")) == [".DOCX", ".JSON", ".MD"]
    with pytest.raises(InvalidSetting, match="end its name with"):
        kind_of(tmp_path / "notes.txt")
    with pytest.raises(InvalidArchive, match="cannot be written"):
        write(TAKEN, tmp_path / "missing" / "notes.md", home)
    assert file_name(TAKEN, "md") == "Ein Buch 한국어 ½ b - notebook.md"
    assert file_name(Taken("///", "", "Chat", ()), "json") == "book - chat.json"


def test_the_page_sends_the_same_files() -> None:
    text, _ = _made(lambda: TAKEN, partial(_as_file, kind="md"))
    assert b64decode(json.loads(text)["data"]) == written(TAKEN, "md")
    assert "nothing to take along" in str(_made(lambda: None, str)[1])

    def refusing() -> Any:
        raise InvalidSetting("This cannot be done.")

    assert "This cannot be done." in str(_made(refusing, str)[1])


def test_the_command_line_writes_chats_people_and_notes(home: Path, tmp_path: Path) -> None:
    store = Store(home / "bookstate.db")
    document = shelve(store, bare_document())
    chat = store.start_chat(document.id, "Talk")
    store.say(chat, Message("user", "Who found it?"))
    store.say(chat, Message("assistant", "Mara", word="sure"))
    store.keep_note(document.id, Note("note", "A thought"))
    store.close()

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, list(words))

    for command, said in (("chats", "Mara"), ("notes", "A thought"), ("people", "Bare")):
        out = tmp_path / f"{command}.md"
        assert run(command, "Bare", "--out", str(out)).exit_code == 0, command
        assert said in out.read_text("utf-8")
        refused = run(command, "Bare", "--out", str(tmp_path / "x.pages"))
        assert refused.exit_code == 1 and ".docx" in refused.stderr
    (talk,) = json.loads(run("chats", "Bare", "--json").stdout)["chats"]
    assert [m["text"] for m in talk["messages"]] == ["Who found it?", "Mara"]
    assert "Who found it?" in run("chats", "Bare").stdout
