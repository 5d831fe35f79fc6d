"""Several readings of one document: made, used, chosen and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from document_makers import pdf, rewritten
from novels import QUESTION, Interrupted, novel, read_novel

import ingest.readers
from app.errors import InvalidSetting, NotReady, OriginalNotKept, UnknownDocument
from app.library import Library, ReadProgress
from app.settings import Settings
from app.storage.store import Document, Message, Summary
from app.worker import Worker
from ingest.book import Book, Chapter, NeedsPassword
from ingest.readers import PARSER_VERSION


def never(_: ReadProgress) -> None:
    raise AssertionError("read again")


def interrupt(progress: ReadProgress) -> None:
    if progress.segments_done == 5:
        raise Interrupted


@contextmanager
def configured(settings: Settings, **changes: object) -> Iterator[Library]:
    """The same data folder under other settings."""
    library = Library(settings.model_copy(update=changes))
    yield library
    library.close()


def with_activity(library: Library) -> Document:
    """A document that was read, renamed, talked about and summarised."""
    document = library.rename(read_novel(library).id, "My Novel")
    chat = library.store.start_chat(document.id, "Who?")
    library.store.say(chat, Message("user", QUESTION))
    library.store.save_summary(document, Summary(2, "Chapter 2", "Somebody found something."))
    return document


def newer_readers(monkeypatch: pytest.MonkeyPatch, change: Callable[[Book], Book]) -> None:
    """Readers of version 2, which make another book of some files."""
    read = ingest.readers.read_book

    def newer(data: bytes, name: str, *, password: str | None = None, **_: object) -> Book:
        return change(read(data, name, password=password))

    monkeypatch.setattr(ingest.readers, "PARSER_VERSION", 99)
    monkeypatch.setattr(ingest.readers, "read_book", newer)


def as_before(book: Book) -> Book:
    return book


def in_one_chapter(book: Book) -> Book:
    whole = (Chapter("All of it", 0, len(book.text)),)
    return Book(book.title, book.text, whole, book.pages, book.format, book.author, book.paged)


def test_another_memory_is_another_reading_and_what_belongs_to_the_document_stays(
    library: Library,
) -> None:
    first = with_activity(library)
    done = library.add(novel(), "other.md", title="Ignored", memory="melodi")
    assert (done.already_known, done.resumed) == (False, False)
    second = done.document
    assert second.id == first.id and second.reading.id != first.reading.id
    assert (second.title, second.reading.memory, second.ready) == ("My Novel", "melodi", True)
    assert [d.reading for d in library.list()] == [second.reading]
    assert library.store.document(first.id) == second
    assert [c.title for c in library.store.chats(second.id)] == ["Who?"]
    assert library.store.summaries(second)[2].summary == "Somebody found something."
    old = library.store.document_of(first.reading.id)
    assert old.reading == first.reading
    assert old.reading.text_id == second.reading.text_id
    assert library.store.state_parts(old.reading).keys() == {"address", "slots"}


@pytest.mark.parametrize("changes", [{"keep_ratio": 0.5}, {"window": 64}])
def test_other_settings_are_another_reading(
    library: Library, settings: Settings, changes: dict[str, object]
) -> None:
    first = read_novel(library)
    with configured(settings, **changes) as other:
        second = other.add(novel(), "novel.md").document
    assert second.id == first.id and second.reading.id != first.reading.id
    assert len(library.store.readings(first.id)) == 2


def test_another_backbone_is_another_reading_that_can_be_taken_back(
    library: Library, settings: Settings, other_backbone: Path
) -> None:
    first = read_novel(library)
    with configured(settings, backbone=str(other_backbone)) as other:
        second = other.add(novel(), "novel.md").document
        assert second.id == first.id and second.reading.backbone == "other"
        list(other.ask(first.id, QUESTION))
        with pytest.raises(InvalidSetting, match="--backbone"):
            library.ask(first.id, QUESTION)
        again = library.add(novel(), "novel.md", on_progress=never)
    assert again.already_known and again.document.reading == first.reading
    list(library.ask(first.id, QUESTION))


def test_what_is_known_already_is_looked_up_and_used(library: Library) -> None:
    first = read_novel(library)
    library.add(novel(), "novel.md", memory="infini")
    assert library.store.document(first.id).reading.memory == "infini"
    again = library.add(novel(), "novel.md", on_progress=never)
    assert again.already_known and again.document == first
    assert library.store.document(first.id) == first
    assert len(library.store.readings(first.id)) == 2


def test_a_reading_is_used_once_it_is_finished(library: Library) -> None:
    first = read_novel(library)
    with pytest.raises(Interrupted):
        library.add(novel(), "novel.md", memory="melodi", on_progress=interrupt)
    assert library.store.document(first.id) == first
    list(library.ask(first.id, QUESTION))
    _, begun = library.store.readings(first.id)
    assert (begun.segments_done, begun.ready) == (4, False)
    with pytest.raises(NotReady, match="to segment 4 of"):
        library.use(begun.id)
    done = library.add(novel(), "novel.md", memory="melodi")
    assert done.resumed and done.document.reading.id == begun.id
    assert library.store.document(first.id).reading.id == begun.id
    assert library.use(first.reading.id).reading == first.reading
    assert library.store.document(first.id) == first


def test_the_worker_makes_one_reading_while_another_is_asked(library: Library) -> None:
    first = read_novel(library)
    document, known = library.register(novel(), "novel.md", memory="melodi")
    assert not known and not document.ready
    library.store.enqueue(document.reading.id)
    assert [(j.reading_id, j.document_id) for j in library.store.jobs()] == [
        (document.reading.id, first.id)
    ]
    assert library.store.document(first.id).ready
    worker = Worker(library)
    worker._work(library.store.jobs()[0])
    assert [job.status for job in library.store.jobs()] == ["done"]
    assert library.store.document(first.id).reading.id == document.reading.id


def test_a_readings_id_selects_it(library: Library) -> None:
    first = read_novel(library)
    second = library.add(novel(), "novel.md", memory="melodi").document
    assert library.store.document(second.reading.id) == second
    library.use(first.reading.id)
    assert library.store.document(second.reading.id) == second
    assert library.store.document(second.reading.id[:8]) == second
    assert library.store.document(first.id[:8]) == first
    stream = library.ask(second.reading.id, QUESTION)
    assert stream.reading_id == second.reading.id
    other = library.add(novel(seed=1), "other.md").document
    library.rename(other.id, second.reading.id)  # a title is no reason to miss the reading
    assert library.store.document(second.reading.id) == second


def test_an_answer_is_of_the_reading_that_was_asked(library: Library) -> None:
    """Its pages are that reading's, although another one is used before it is finished."""
    first = read_novel(library)
    stream = library.ask(first.id, QUESTION)
    said = "".join(stream)
    heaviest = max(stream.weights())
    with configured(library.settings, window=512) as other:
        assert other.add(novel(), "novel.md").document.reading.segments <= heaviest
    answer = library.answer(first.id, stream)
    texts = {s.number: s.text for s in library.store.segments(first.reading)}
    assert answer.answer.startswith(said.strip())
    assert all(source.text == texts[source.segment] for source in answer.sources)
    library.remove_reading(first.reading.id)
    with pytest.raises(UnknownDocument):
        library.answer(first.id, stream)


def test_one_reading_is_removed_and_the_other_one_used(library: Library) -> None:
    first = with_activity(library)
    second = library.add(novel(), "novel.md", memory="melodi").document
    assert library.remove(second.reading.id) == second
    assert library.list() == [first]
    assert library.store.state_parts(second.reading) == {}
    assert library.store.summaries(first)[2].summary == "Somebody found something."
    again = library.add(novel(), "novel.md", memory="melodi").document
    assert library.remove_reading(first.reading.id).id == first.id  # its id is the document's too
    assert library.store.document(first.id) == again
    with pytest.raises(InvalidSetting, match="has only this reading"):
        library.remove_reading(again.reading.id)
    assert library.remove(again.reading.id).id == first.id
    assert library.list() == []


def test_a_document_is_removed_with_all_its_readings(library: Library) -> None:
    first = read_novel(library)
    library.add(novel(), "novel.md", memory="melodi")
    library.remove(first.id)
    for table in ("documents", "readings", "texts", "segments", "states", "originals"):
        assert library.store.db.table(table).count == 0


def test_an_id_of_a_removed_reading_is_given_again_to_the_same_reading(library: Library) -> None:
    first = read_novel(library)
    library.add(novel(), "novel.md", memory="melodi")
    library.remove_reading(first.reading.id)
    again = read_novel(library)
    assert (again.id, again.reading.id) == (first.id, first.reading.id)
    assert again.reading.state_sha256 == first.reading.state_sha256


# Read again


def test_a_document_is_read_again_from_the_file_that_is_kept(library: Library) -> None:
    first = with_activity(library)
    assert library.store.originals(first.id, [0]) == [("novel0.md", novel())]
    done = library.reread(first.id, memory="infini")
    assert not done.already_known and done.chapters == 3
    assert (done.document.id, done.document.reading.memory) == (first.id, "infini")
    assert library.store.document(first.id) == done.document
    again = library.reread(first.id, on_progress=never)  # as it is
    assert again.already_known and again.document == done.document
    back = library.reread(first.id, memory="adaptive", on_progress=never)
    assert back.already_known and back.document == first
    alone = library.add(novel(seed=3), "alone.md", memory="infini").document
    assert library.reread(alone.id, on_progress=never).document == alone


def test_a_document_whose_file_is_not_kept_is_not_read_again(library: Library) -> None:
    first = read_novel(library)
    library.store.db.execute("DELETE FROM originals")
    with pytest.raises(OriginalNotKept, match="give the file again with `bookstate ingest`"):
        library.reread(first.id, memory="melodi")
    library.add(novel(), "novel.md", on_progress=never)
    assert library.reread(first.id, memory="melodi").document.id == first.id


def test_an_appended_file_is_kept_too_and_read_again_with_the_first(library: Library) -> None:
    first = read_novel(library)
    both = library.append(first.id, novel(2, seed=5), "more.md")
    again = library.reread(first.id, memory="infini").document
    assert again.reading.text_id == both.reading.text_id
    assert len(library.store.sources(again.reading)) == 2
    assert "".join(s.text for s in library.store.segments(again.reading)) == "".join(
        s.text for s in library.store.segments(both.reading)
    )
    known = library.add(novel(), "novel.md", on_progress=never)  # under the first memory
    assert known.already_known and known.document.reading == both.reading
    library.store.db.execute("DELETE FROM originals WHERE number = 1")
    with pytest.raises(OriginalNotKept, match="bookstate append"):
        library.reread(first.id, memory="melodi")
    library.append(first.id, novel(2, seed=5), "more.md")
    assert library.store.kept_originals(first.id) == {0, 1}


def test_append_leaves_other_readings_as_they_are(library: Library) -> None:
    first = read_novel(library)
    second = library.add(novel(), "novel.md", memory="melodi").document
    both = library.append(first.id, novel(2, seed=5), "more.md")
    assert both.reading.id == second.reading.id
    assert len(library.store.chapters(both.reading)) == 5
    assert library.store.document_of(first.reading.id) == first
    assert len(library.store.chapters(first.reading)) == 3
    assert len(library.store.sources(first.reading)) == 1
    list(library.ask(first.reading.id, QUESTION))
    library.use(first.reading.id)
    third = library.append(first.id, novel(2, seed=5), "more.md")
    assert third.reading.id == first.reading.id and third.ready
    assert library.store.chapters(third.reading) == library.store.chapters(both.reading)
    assert library.store.db.execute("SELECT count(*) FROM sources").fetchone()[0] == 2
    with configured(library.settings, keep_ratio=0.5) as other:
        fourth = other.add(novel(), "novel.md").document
    assert fourth.reading.id not in (first.reading.id, second.reading.id)
    assert len(library.store.chapters(fourth.reading)) == 5


# Newer readers of files


def test_newer_readers_that_find_the_same_text_make_no_other_reading(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_novel(library)
    newer_readers(monkeypatch, as_before)
    again = library.add(novel(), "novel.md", on_progress=never)
    assert again.already_known and again.document == first
    assert library.store.text(first.reading.text_id).parser == 99
    assert library.reread(first.id, on_progress=never).already_known


def test_a_text_from_before_there_were_made_up_chapters_is_the_same_text(
    library: Library,
) -> None:
    """Version 0.3 did not note which chapters are parts that the program made itself."""
    data = b"Mara found the key in the harbour. " * 2000
    document, _ = library.register(data, "long.txt")
    chapters = library.store.chapters(document.reading)
    assert len(chapters) > 1 and all(chapter.made_up for chapter in chapters)
    library.store.db.execute("UPDATE texts SET parser = 0")
    library.store.db.execute("UPDATE chapters SET made_up = 0")
    again, known = library.register(data, "long.txt")
    assert known and again.reading == document.reading
    assert library.store.text(again.reading.text_id).parser == PARSER_VERSION
    assert not library.store.chapters(again.reading)[0].made_up  # its snapshots are all there


@pytest.mark.parametrize("reread", [True, False])
def test_newer_readers_that_find_another_text_give_the_document_a_second_one(
    library: Library, monkeypatch: pytest.MonkeyPatch, reread: bool
) -> None:
    first = with_activity(library)
    newer_readers(monkeypatch, in_one_chapter)
    done = library.reread(first.id) if reread else library.add(novel(), "novel.md")
    assert not done.already_known and done.chapters == 1
    second = done.document
    assert second.id == first.id and second.reading.id != first.reading.id
    assert second.reading.memory_config == first.reading.memory_config
    assert library.store.text(second.reading.text_id).parser == 99
    assert len(library.store.chapters(first.reading)) == 3
    assert [c.title for c in library.store.chats(first.id)] == ["Who?"]
    assert library.store.summaries(second) == {}  # there is no such chapter any more
    assert library.store.summaries(library.use(first.reading.id)).keys() == {2}
    assert library.add(novel(), "novel.md", on_progress=never).document == second
    library.remove_reading(first.reading.id)
    assert library.store.db.table("texts").count == 1
    assert library.store.document(first.id) == second


def test_newer_readers_that_need_a_password_leave_the_text_that_there_is(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rewritten(pdf(["Mara found the key in the harbour."] * 3), password="sesame")
    first = library.add(data, "locked.pdf", password="sesame").document
    newer_readers(monkeypatch, in_one_chapter)
    again = library.add(data, "locked.pdf", on_progress=never)
    assert again.already_known and again.document == first
    with pytest.raises(NeedsPassword):
        library.reread(first.id)
    assert library.reread(first.id, password="sesame").chapters == 1


def test_two_processes_add_the_same_reading_once(
    library: Library, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_novel(library)
    newer_readers(monkeypatch, in_one_chapter)
    from app.intake.register import Plan

    split, seen = Plan.split, []

    def overtaken(plan: Plan, book: Book) -> object:
        if not seen:
            seen.append(plan)
            with configured(settings) as other:
                other.register(novel(), "novel.md")
        return split(plan, book)

    monkeypatch.setattr(Plan, "split", overtaken)
    document, known = library.register(novel(), "novel.md")
    assert known and len(library.store.readings(first.id)) == 2
    assert library.store.db.table("texts").count == 2
    assert document.reading in library.store.readings(first.id)
