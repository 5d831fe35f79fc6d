"""A new version of a document: what is read of it, what changed, and what readers keep."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from document_makers import pdf, rewritten
from novels import DEEDS, NAMES, NOUNS, PLACES, QUESTION, Interrupted

from app.errors import Busy, InvalidSetting, UnknownDocument
from app.exchange.archive import import_document
from app.exchange.export import export_document
from app.intake.register import Register
from app.library import Library, ReadProgress
from app.memory_config import config_json
from app.position import position_of, set_position
from app.revision.changes import Changes, ChapterChange, changed_chapters
from app.revision.revising import Revised, revise, what_changed
from app.settings import Settings
from app.state_reader import Scope
from app.storage.store import BOOK, Document, DocumentText, Message, Summary
from app.taking.keeping import own_note, passage_note
from app.ui.texts import bubble
from app.worker import Worker
from ingest.book import NeedsPassword, Segment
from ingest.readers import read_book
from memory_models.errors import BrokenState
from memory_models.memories.adaptive import AdaptiveMemory

SECOND = "Odalric weighed the marble owl behind the observatory."
Chapters = dict[str, list[str]]  # title -> sentences


def manuscript(seed: int = 0, sentences: int = 16) -> Chapters:
    """Four chapters of sentences of which none occurs twice."""
    chance = random.Random(seed)
    every = [f"{a} {b} the {c} {d}." for a in NAMES for b in DEEDS for c in NOUNS for d in PLACES]
    drawn = iter(chance.sample(every, 4 * sentences))
    return {f"Part {word}": [next(drawn) for _ in range(sentences)] for word in WORDS}


WORDS = ("Amber", "Birch", "Cedar", "Dune")


def written(chapters: Chapters) -> bytes:
    """The chapters as Markdown, four sentences a paragraph."""
    parts = []
    for title, sentences in chapters.items():
        paragraphs = [" ".join(sentences[n : n + 4]) for n in range(0, len(sentences), 4)]
        parts.append(f"# {title}\n\n" + "\n\n".join(paragraphs) + "\n\n")
    return "".join(parts).encode()


def added(library: Library, chapters: Chapters) -> Document:
    return library.add(written(chapters), "draft.md", title="The Draft").document


def with_new_paragraph(chapters: Chapters) -> Chapters:
    """A paragraph more in the middle of the second chapter."""
    middle = list(chapters["Part Birch"])
    middle[len(middle) // 2 : len(middle) // 2] = [
        SECOND,
        "Nobody saw it.",
        "The owl stayed there.",
        "So it ended.",
    ]
    return {**chapters, "Part Birch": middle}


def revised(library: Library, document: Document, chapters: Chapters) -> Revised:
    """The new version, read to its end."""
    made = revise(library, document.id, written(chapters), "draft 2.md")
    library.read(made.document.reading.id)
    return made


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The texts that the memory reads meanwhile."""
    read: list[str] = []
    write = AdaptiveMemory.write

    def counting(self: AdaptiveMemory, tokens: Any, carry: Any) -> Any:
        read.append(self.backbone.tokenizer.decode(tokens.tolist()))
        return write(self, tokens, carry)

    with monkeypatch.context() as patch:
        patch.setattr(AdaptiveMemory, "write", counting)
        yield read


def texts_of(library: Library, document: Document) -> list[str]:
    return [s.text for s in library.store.segments(library.store.document(document.id).reading)]


def fresh_sha256(settings: Settings, home: Path, library: Library, document: Document) -> str:
    """The hash of the state of a new library that reads the same segments."""
    segments = library.store.segments(library.store.document(document.id).reading)
    ((name, data),) = library.store.originals(document.id, [0])
    fresh = Library(settings.model_copy(update={"home": home}))
    try:
        other, _ = fresh.register(data, name)
        memory = fresh.memory_of(other)
        plan = fresh.plan("adaptive")
        assert plan.memory_config == config_json(memory.config)
        cut = [
            Segment(s.number, s.chapter - 1, s.start, s.end, s.page_first, s.page_last, s.tokens)
            for s in segments
        ]
        text_id = fresh.store.add_text(other.id, fresh.store.text(other.reading.text_id))
        made = Register(fresh.store, plan).unread(other, other.source_sha256, text_id, cut)
        return str(fresh.read(made.id).reading.state_sha256)
    finally:
        fresh.close()


class TestReading:
    def test_only_windows_with_another_text_are_read(
        self,
        library: Library,
        settings: Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        before = set(texts_of(library, document))
        with counted(monkeypatch) as read:
            made = revised(library, document, with_new_paragraph(chapters))
        after = texts_of(library, document)
        new = [text for text in after if text not in before]
        assert len(read) == len(new) == made.changes.segments_read
        assert made.changes.segments_kept == len(after) - len(new)
        assert 1 <= len(new) <= 6 and len(after) > 20
        assert SECOND in "".join(new)
        now = library.store.document(document.id)
        assert now.ready and "".join(after) == library.store.text(now.reading.text_id).text
        assert now.reading.state_sha256 == fresh_sha256(
            settings, tmp_path / "fresh", library, document
        )

    def test_a_killed_reading_goes_on(
        self,
        library: Library,
        settings: Settings,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        changed = with_new_paragraph(with_edit(chapters, "Part Dune", 3, "It rained on a piano."))
        made = revise(library, document.id, written(changed), "draft 2.md")

        def kill_at(stop: int, progress: ReadProgress) -> None:
            if progress.segments_done >= stop:
                raise Interrupted

        with counted(monkeypatch) as read:
            for stop in (1, 6, 13, 20):
                with pytest.raises(Interrupted):
                    library.read(made.document.reading.id, partial(kill_at, stop))
                assert library.store.document(document.id).reading.id == document.reading.id
            again = revise(library, document.id, written(changed), "draft 2.md")
            assert again.changes == made.changes
            assert again.document.reading.id == made.document.reading.id
            assert again.document.reading.segments_done > 0
            done = library.read(made.document.reading.id)
        assert done.reading.id == library.store.document(document.id).reading.id
        assert len(set(read)) == made.changes.segments_read
        assert done.reading.state_sha256 == fresh_sha256(
            settings, tmp_path / "fresh", library, document
        )

    def test_a_damaged_copy_is_noticed(self, library: Library) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        made = revise(library, document.id, written(with_new_paragraph(chapters)), "2.md")
        library.store.db.execute(
            "UPDATE states SET blob = zeroblob(length(blob)) WHERE reading_id = ? AND segment = 1",
            [document.reading.id],
        )
        with pytest.raises(BrokenState, match="segment 1"):
            library.read(made.document.reading.id)

    def test_other_memories_read_everything(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = library.add(written(chapters), "draft.md", memory="melodi").document
        made = revised(library, document, with_edit(chapters, "Part Birch", 2))
        assert made.changes.segments_kept == 0
        assert "read again: this memory keeps one state" in made.changes.headline
        now = library.store.document(document.id)
        assert now.reading.id == made.document.reading.id and now.ready

    def test_a_wholly_different_file(self, library: Library, settings: Settings) -> None:
        document = added(library, manuscript(sentences=8))
        set_position(library, document, chapter=2)
        parts = manuscript(seed=5, sentences=6).values()
        other = {f"Canto {n}": [s.swapcase() for s in part[:3]] for n, part in enumerate(parts)}
        made = revised(library, document, other)
        assert made.changes.segments_kept == 0
        assert [c.what for c in made.changes.chapters] == ["new"] * 4 + ["gone"] * 4
        read_to = library.store.read_to(document.id)
        assert read_to is not None and read_to < 5  # as far as both begin with the same letters
        now = library.store.document(document.id)
        plan = library.plan("adaptive")
        text = library.store.text(now.reading.text_id)
        cut = plan.split(text.book(now.title, now.author, now.format))
        found = library.store.segments(now.reading)
        assert [(s.start, s.end, s.tokens) for s in cut] == [
            (s.start, s.end, s.tokens) for s in found
        ]

    def test_the_worker_adopts_after_a_restart(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        chat = library.store.start_chat(document.id, "A talk")
        made = revise(library, document.id, written(with_new_paragraph(chapters)), "2.md")
        reading = made.document.reading.id
        job = library.store.enqueue(reading)
        library.store.start_job(job)  # and the process is killed
        worker = Worker(library, poll_seconds=0.01)
        worker.start()
        try:
            wait_for(lambda: library.store.job_status(job) == "done")
        finally:
            worker.stop()
        now = library.store.document(document.id)
        assert now.reading.id == reading and now.file_name == "2.md"
        assert [r.id for r in library.store.readings(document.id)] == [reading]
        assert library.store.is_chat(chat)


def wait_for(done: Callable[[], bool]) -> None:
    end = monotonic() + 60
    while not done():
        assert monotonic() < end
        sleep(0.01)


def with_edit(chapters: Chapters, title: str, at: int, words: str = SECOND) -> Chapters:
    """Another sentence in the place of one."""
    sentences = list(chapters[title])
    sentences[at] = words
    return {**chapters, title: sentences}


class TestWhatReadersKeep:
    def test_notes_cite_the_new_text(self, library: Library) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        store, text = library.store, library.store.text(document.reading.text_id).text
        quoted, edited = chapters["Part Cedar"][5], chapters["Part Birch"][14]
        for sentence in (quoted, edited):
            at = text.index(sentence)
            store.keep_note(document.id, passage_note(store, document, at, at + len(sentence)))
        store.keep_note(document.id, own_note(store, document, "Look here.", "1"))
        revised(library, document, with_edit(with_new_paragraph(chapters), "Part Birch", 18))
        now = store.document(document.id)
        new = store.text(now.reading.text_id).text
        (kept,), (lost,), (own,) = (note.citations for note in store.notes(document.id))
        assert new[kept["start"] : kept["end"]] == quoted
        assert lost["start"] == lost["end"] == 0 and "earlier version" in lost["label_last"]
        assert own["label_first"] == "1"
        assert {c["reading_id"] for c in (kept, lost, own)} == {now.reading.id}

    def test_chats_quote_the_new_text(self, library: Library) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        text = library.store.text(document.reading.text_id).text
        quoted, edited = chapters["Part Cedar"][5], chapters["Part Birch"][14]
        chat = library.store.start_chat(document.id, "Who?")
        places = [_place(library, document, text.index(s), s) for s in (quoted, edited)]
        items = [{"answer": "x", "count": 1, "evidence": places}]
        segment = library.store.segments(document.reading)[-1]
        source: dict[str, Any] = {
            "segment": segment.number,
            "chapter": 4,
            "page_first": 1,
            "page_last": 1,
        }
        source |= {"weight": 0.5, "text": segment.text, "label_first": "1", "label_last": "1"}
        said = Message(
            "assistant", "It did.", 0.8, [source], places, reading_id=document.reading.id
        )
        library.store.say(chat, Message("user", "Who?"))
        library.store.say(chat, said)
        library.store.say(chat, Message("assistant", "Two.", 0.8, items=items, reading_id="gone"))
        revised(library, document, with_edit(with_new_paragraph(chapters), "Part Birch", 18))
        now = library.store.document(document.id)
        new = library.store.text(now.reading.text_id).text
        _, moved, other = library.store.messages(chat)
        assert other.items == items  # of a reading that nobody knows
        found, lost = moved.evidence
        assert moved.reading_id == now.reading.id
        assert new[found["start"] : found["end"]] == quoted and found["start"] != places[0]["start"]
        assert (lost["start"], lost["end"], lost["text"]) == (0, 0, edited)
        assert lost["label_first"] == "1 (earlier version)"
        (looked,) = moved.sources
        segments = library.store.segments(now.reading)
        assert segments[looked["segment"]].text == segment.text and "start" not in looked
        shown = bubble(moved)
        assert f'href="#read={now.reading.id}:{found["start"]}-{found["end"]}"' in shown

    def test_a_sentence_that_comes_back_gets_its_link_again(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        sentence = chapters["Part Birch"][3]
        start = library.store.text(document.reading.text_id).text.index(sentence)
        chat = library.store.start_chat(document.id, "Who?")
        place = _place(library, document, start, sentence)
        library.store.say(
            chat, Message("assistant", "It.", evidence=[place], reading_id=document.reading.id)
        )
        revised(library, document, with_edit(chapters, "Part Birch", 3))
        assert library.store.messages(chat)[0].evidence[0]["end"] == 0
        revised(library, document, with_edit(chapters, "Part Amber", 3))
        (back,) = library.store.messages(chat)[0].evidence
        now = library.store.document(document.id)
        assert library.store.text_part(now.reading, back["start"], back["end"]) == sentence
        assert back["label_first"] == "1"

    def test_the_place_stays_with_its_text(self, library: Library) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        set_position(library, document, chapter=3)
        revised(library, document, with_new_paragraph(chapters))
        now = library.store.document(document.id)
        ends = [c.end for c in library.store.chapters(now.reading)]
        assert library.store.read_to(document.id) == ends[2]
        assert position_of(library, now).chapter == 3

    @pytest.mark.parametrize("chapter", [1, 2, 3, 4])
    def test_a_place_never_shows_what_was_not_read(self, library: Library, chapter: int) -> None:
        """The unread last chapters are moved to the front, and the chapter before is edited."""
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        set_position(library, document, chapter=chapter)
        unread = "".join(s for t in list(chapters)[chapter:] for s in chapters[t])
        titles = list(chapters)
        edited = with_edit(chapters, titles[chapter - 1], -1)
        order = [titles[0], *titles[chapter:], *titles[1:chapter]]
        revised(library, document, {t: edited[t] for t in dict.fromkeys(order)})
        now = library.store.document(document.id)
        read_to = library.store.read_to(document.id)
        assert read_to is not None
        shown = library.store.text(now.reading.text_id).text[:read_to]
        assert not any(s in shown for s in unread.split(". ") if s)
        assert read_to > 100  # the first chapter is still read

    def test_a_new_last_chapter_is_unread(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        set_position(library, document, chapter=4)
        revised(library, document, {**chapters, "Part Elm": ["It was all a dream of the owl."]})
        now = library.store.document(document.id)
        assert position_of(library, now).chapter == 4
        assert library.store.read_to(document.id) == library.store.chapters(now.reading)[3].end

    def test_no_place_stays_none(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        revised(library, document, with_new_paragraph(chapters))
        assert library.store.read_to(document.id) is None

    def test_summaries_of_unchanged_chapters_stay(self, library: Library) -> None:
        chapters = manuscript()
        document = added(library, chapters)
        for number in (BOOK, -2, 1, 2, 3, 4):
            told = ({"text": f"S{number}.", "page_first": 1, "page_last": 1},)
            library.store.save_summary(document, Summary(number, "x", f"S{number}.", told))
        changed = with_new_paragraph(chapters)
        titles = ["Part Dune", "Part Birch", "Part Cedar", "Part Amber"]
        revised(library, document, {t: changed[t] for t in titles})
        now = library.store.document(document.id)
        found = library.store.summaries(now)
        assert {n: s.summary for n, s in found.items()} == {1: "S4.", 3: "S3.", 4: "S1."}
        assert found[1].title == "Part Dune"
        pages = {p.number for p in library.store.pages(now.reading)}
        assert all(s.sentences[0]["page_first"] in pages for s in found.values())

    def test_questions_are_answered_from_the_new_text(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        revised(library, document, with_new_paragraph(chapters))
        stream = library.ask(document.id, QUESTION, Scope(chapter=2))
        list(stream)
        answer = library.answer(document.id, stream)
        assert {source.chapter for source in answer.sources} == {2}


def _place(library: Library, document: Document, start: int, text: str) -> dict[str, Any]:
    page = [p for p in library.store.pages(document.reading) if p.start <= start][-1]
    labels = {"label_first": "1", "label_last": "1"}
    numbers = {"page_first": page.number, "page_last": page.number}
    place = {"text": text, "start": start, "end": start + len(text), "segment": 0, "chapter": 1}
    return {**place, **numbers, **labels, "weight": 0.5}


class TestTheDocument:
    def test_it_is_the_new_file(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        data = written(with_new_paragraph(chapters))
        revised(library, document, with_new_paragraph(chapters))
        now = library.store.document(document.id)
        assert (now.id, now.title, now.file_name) == (document.id, "The Draft", "draft 2.md")
        known = library.add(data, "again.md")
        assert known.already_known and known.document.id == document.id
        assert library.store.originals(document.id, [0]) == [("draft 2.md", data)]
        assert [s["number"] for s in library.store.sources(now.reading)] == [0]
        for table, count in (("texts", 1), ("readings", 1), ("sources", 1), ("originals", 1)):
            assert library.store.db.table(table).count == count
        longer = library.append(document.id, b"# More\n\nThe end came.\n", "more.md")
        assert len(library.store.sources(longer.reading)) == 2

    def test_it_is_exported_and_imported(
        self, library: Library, settings: Settings, tmp_path: Path
    ) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        revised(library, document, with_new_paragraph(chapters))
        now = library.store.document(document.id)
        out = tmp_path / "draft.zip"
        export_document(library.store, document.id, out)
        other = Library(settings.model_copy(update={"home": tmp_path / "other"}))
        try:
            imported = import_document(other.store, out)
            assert imported.reading.state_sha256 == now.reading.state_sha256
            assert imported.file_name == "draft 2.md"
            revised(other, imported, chapters)
        finally:
            other.close()

    def test_other_readings_of_the_old_version_go(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        library.reread(document.id, memory="infini")
        library.use(document.reading.id)
        revised(library, document, with_new_paragraph(chapters))
        assert len(library.store.readings(document.id)) == 1

    def test_an_unfinished_document_is_replaced_too(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document, _ = library.register(written(chapters), "draft.md")

        def stop(progress: ReadProgress) -> None:
            if progress.segments_done == 8:
                raise Interrupted

        with pytest.raises(Interrupted):
            library.read(document.reading.id, stop)
        made = revised(library, document, with_new_paragraph(chapters))
        assert 0 < made.changes.segments_kept <= 8
        assert library.store.document(document.id).ready

    def test_a_removed_document_comes_back_with_its_new_version(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        made = revise(library, document.id, written(with_new_paragraph(chapters)), "2.md")
        library.remove(document.id, undoable=True)
        with pytest.raises(UnknownDocument):
            library.read(made.document.reading.id)
        library.store.bring_back(document.id)
        library.read(made.document.reading.id)
        assert library.store.document(document.id).file_name == "2.md"

    def test_a_newer_version_takes_the_place_of_an_unread_one(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        revise(library, document.id, written(with_edit(chapters, "Part Amber", 2)), "2.md")
        last = with_new_paragraph(chapters)
        made = revise(library, document.id, written(last), "3.md")
        assert len(library.store.readings(document.id)) == 2
        assert library.store.db.table("sources").count == 2
        library.read(made.document.reading.id)
        assert library.store.document(document.id).file_name == "3.md"
        changes = what_changed(library, library.store.document(document.id))
        assert changes == made.changes

    def test_a_version_that_is_given_up_leaves_nothing(self, library: Library) -> None:
        chapters = manuscript(sentences=8)
        document = added(library, chapters)
        made = revise(library, document.id, written(with_new_paragraph(chapters)), "2.md")
        library.remove_reading(made.document.reading.id)
        assert what_changed(library, document) is None
        assert library.store.db.table("sources").count == 1
        assert library.store.document(document.id) == document


class TestRefused:
    def test_the_same_bytes(self, library: Library) -> None:
        chapters = manuscript(sentences=6)
        document = added(library, chapters)
        with pytest.raises(InvalidSetting, match="is here already"):
            revise(library, document.id, written(chapters), "draft 2.md")

    def test_a_document_of_two_files(self, library: Library) -> None:
        chapters = manuscript(sentences=6)
        document = added(library, chapters)
        library.append(document.id, b"# More\n\nThe end came.\n", "more.md")
        with pytest.raises(InvalidSetting, match=r"2 files \('draft.md', 'more.md'\)"):
            revise(library, document.id, b"# New\n\nAnother text.\n", "new.md")

    def test_another_accounts_document(self, library: Library) -> None:
        document = added(library, manuscript(sentences=6))
        library.store.add_account("ada", "a long secret")
        bob = library.seen_by(library.store.add_account("bob", "a long secret").id)
        with pytest.raises(UnknownDocument):
            revise(bob, document.id, b"# New\n\nAnother text.\n", "new.md")
        assert what_changed(bob, document) is None
        assert library.store.document(document.id) == document

    def test_an_encrypted_pdf_without_its_password(self, library: Library) -> None:
        document = added(library, manuscript(sentences=6))
        locked = rewritten(pdf(["The clock stood still.\nNobody wound it."]), password="owl")
        with pytest.raises(NeedsPassword):
            revise(library, document.id, locked, "new.pdf")
        made = revise(library, document.id, locked, "new.pdf", password="owl")
        now = library.read(made.document.reading.id)
        assert (now.format, now.file_name) == ("pdf", "new.pdf")

    def test_appending_and_reading_otherwise_wait(self, library: Library) -> None:
        chapters = manuscript(sentences=6)
        document = added(library, chapters)
        revise(library, document.id, written(with_new_paragraph(chapters)), "2.md")
        with pytest.raises(Busy, match="A new version of 'The Draft' is being read"):
            library.append(document.id, b"# More\n\nThe end came.\n", "more.md")
        with pytest.raises(Busy, match="new version"):
            library.reread(document.id, memory="infini")


class TestWhatChanged:
    def changes(self, after: Chapters, before: Chapters) -> list[ChapterChange]:
        books = (read_book(written(c), "draft.md", password=None) for c in (before, after))
        old, new = (DocumentText.of(book, 1) for book in books)
        return list(changed_chapters(old, new))

    def test_a_new_paragraph(self) -> None:
        chapters = manuscript()
        found = self.changes(with_new_paragraph(chapters), chapters)
        assert [c.what for c in found] == ["unchanged", "changed", "unchanged", "unchanged"]
        assert (found[1].words_added, found[1].words_removed) == (18, 0)
        assert found[1].pages

    def test_a_chapter_that_is_gone(self) -> None:
        chapters = manuscript()
        left = {t: s for t, s in chapters.items() if t != "Part Birch"}
        found = self.changes(left, chapters)
        assert [(c.chapter, c.was, c.what) for c in found] == [
            (1, 1, "unchanged"), (2, 3, "unchanged"), (3, 4, "unchanged"), (None, 2, "gone"),
        ]  # fmt: skip
        assert not any(c.is_moved for c in found)

    def test_a_chapter_with_another_name(self) -> None:
        chapters = manuscript()
        names = {"Part Birch": "Part Beech"}
        renamed = {names.get(t, t): s for t, s in chapters.items()}
        found = self.changes(renamed, chapters)
        assert [c.is_renamed for c in found] == [False, True, False, False]
        assert found[1].what == "unchanged" and found[1].was_title == "Part Birch"

    def test_chapters_in_another_order(self) -> None:
        chapters = manuscript()
        order = ["Part Dune", "Part Amber", "Part Birch", "Part Cedar"]
        found = self.changes({t: chapters[t] for t in order}, chapters)
        assert [(c.was, c.is_moved) for c in found] == [
            (4, True), (1, False), (2, False), (3, False),
        ]  # fmt: skip

    def test_chapters_that_are_numbered_anew(self) -> None:
        """Chapter 2 of today is what was chapter 3, with a word changed."""
        before = {f"Chapter {n}": s for n, s in enumerate(manuscript().values(), start=1)}
        left = [before["Chapter 1"], before["Chapter 3"], before["Chapter 4"]]
        left[1] = [SECOND, *left[1][1:]]
        after = {f"Chapter {n}": s for n, s in enumerate(left, start=1)}
        found = self.changes(after, before)
        assert [(c.was, c.what) for c in found] == [
            (1, "unchanged"), (3, "changed"), (4, "unchanged"), (2, "gone"),
        ]  # fmt: skip

    def test_it_is_told_in_sentences(self) -> None:
        before = manuscript()
        order = ["Part Dune", "Part Amber", "Part Birch"]
        after = {t: with_new_paragraph(before)[t] for t in order} | {"Part Elm": [SECOND]}
        chapters = tuple(self.changes(after, before))
        changes = Changes(chapters, pages=9, pages_read=1, segments_read=4, segments_kept=20)
        assert Changes.from_dict(changes.to_dict()) == changes
        assert changes.headline == "1 of 9 pages is read; the rest is known already."
        assert changes.lines() == [
            "1. Part Dune: was chapter 4",
            f"3. Part Birch: 18 words added (page {chapters[2].pages})",
            f"4. Part Elm: new (page {chapters[3].pages})",
            "Part Cedar (chapter 3 before): no longer there",
            "1 other chapter is unchanged.",
        ]
