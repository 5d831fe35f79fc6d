"""A shelf: tags, and one question to several documents, each from its own state."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from novels import QUESTION, novel
from typer.testing import CliRunner

from app.answering.answers import Answer
from app.cli.main import app
from app.errors import InvalidSetting, UnknownDocument, UnknownTag
from app.library import Library, Stopped
from app.line.line import Line
from app.line.work import Work
from app.position import set_position
from app.settings import read_settings
from app.shelf.asking import BookAnswer, ShelfAnswer, ask_shelf, best_first
from app.shelf.documents import documents_named, documents_of_tag
from app.shelf.first_look import DELETED, UNREAD, FirstLook, Place, look_at
from app.shelf.in_line import Shelving
from app.state_reader import Scope
from app.storage.reader.tag_names import LONGEST_TAG, MOST_TAGS, tag_key, tag_name
from app.storage.store import Document
from memory_models.errors import InvalidRequest


@pytest.fixture
def books(library: Library) -> list[Document]:
    """Three books, two of them of one series."""
    found = [library.add(novel(2, 2, seed=n), f"book{n}.md").document for n in (21, 22, 23)]
    for document in found[:2]:
        library.store.add_tags(document.id, ["The Harbour"])
    return found


def without_times(found: ShelfAnswer) -> list[dict[str, Any]]:
    """All that is answered, but for ids, titles and times."""
    own = ("id", "title", "seconds", "first_token_seconds")
    return [{k: v for k, v in a.to_dict().items() if k not in own} for a in found.answers]


class TestTags:
    def test_a_document_has_several(self, library: Library, books: list[Document]) -> None:
        store = library.store
        store.add_tags(books[0].id, ["sea  stories", "北", "the harbour"])
        assert store.tags(books[0].id) == ["sea stories", "The Harbour", "北"]
        assert list(store.every_tag()) == ["sea stories", "The Harbour", "北"]
        assert store.tagged("THE  HARBOUR ") == [books[0].id, books[1].id]
        assert store.tags_of_all()[books[1].id] == ["The Harbour"]
        store.remove_tags(books[0].id, ["SEA stories"])
        assert store.tags(books[0].id) == ["The Harbour", "北"]
        store.set_tags(books[0].id, [])
        assert store.tags(books[0].id) == []

    def test_they_go_with_their_document(self, library: Library, books: list[Document]) -> None:
        library.remove(books[0].id)
        assert library.store.tagged("The Harbour") == [books[1].id]
        with pytest.raises(UnknownDocument):
            library.store.add_tags(books[0].id, ["x"])

    @pytest.mark.parametrize("name", ["Ünïcode", "a/b", "<b>", "'; DROP TABLE tags", "%_", "👩‍🚀"])
    def test_odd_characters_are_kept(
        self, library: Library, books: list[Document], name: str
    ) -> None:
        library.store.add_tags(books[2].id, [name])
        assert library.store.tags(books[2].id) == [name]
        assert library.store.tagged(name) == [books[2].id]
        assert [d.id for d in documents_of_tag(library, name.upper())] == [books[2].id]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("", "blank"),
            (" \n ", "blank"),
            ("\u200d", "blank"),
            ("x" * (LONGEST_TAG + 1), f"the limit is {LONGEST_TAG}"),
            ("a, b", "has a comma"),
            ("a\x00b", "cannot be seen"),
            ("\ud800", "cannot be seen"),
            ("a\u202eb", "cannot be seen"),
        ],
    )
    def test_what_cannot_be_one_is_refused(
        self, library: Library, books: list[Document], name: str, said: str
    ) -> None:
        with pytest.raises(InvalidSetting, match=said):
            library.store.add_tags(books[2].id, ["good", name])
        assert library.store.tags(books[2].id) == []

    def test_there_may_not_be_too_many(self, library: Library, books: list[Document]) -> None:
        many = [f"tag {n}" for n in range(MOST_TAGS)]
        library.store.add_tags(books[2].id, many)
        with pytest.raises(InvalidSetting, match=f"at most {MOST_TAGS} tags"):
            library.store.add_tags(books[2].id, ["one more"])
        assert len(library.store.tags(books[2].id)) == MOST_TAGS

    def test_an_unknown_one_is_said(self, library: Library, books: list[Document]) -> None:
        with pytest.raises(UnknownTag, match="'seas'; the tags are: The Harbour"):
            documents_of_tag(library, "seas")
        with pytest.raises(InvalidSetting, match="has no tag 'seas'"):
            library.store.remove_tags(books[0].id, ["seas"])
        assert library.store.tagged("\ud800") == []

    def test_the_longest_one_is_kept_and_equal_spellings_are_one(self) -> None:
        assert tag_name("ß" * LONGEST_TAG) == "ß" * LONGEST_TAG
        assert tag_key("STRASSE") == tag_key("straße")
        assert tag_key("e\u0301") == tag_key("É")

    def test_another_account_sees_none_of_them(
        self, library: Library, books: list[Document]
    ) -> None:
        library.store.add_account("ada", "a long secret")
        library.store.add_account("bob", "a long secret")
        bob = library.seen_by(library.store.account("bob").id)
        assert bob.store.every_tag() == {} and bob.store.tagged("The Harbour") == []
        with pytest.raises(UnknownTag, match="no document has a tag yet"):
            documents_of_tag(bob, "The Harbour")
        with pytest.raises(UnknownDocument):
            documents_named(bob, [books[0].id])
        own = bob.add(novel(2, 2, seed=24), "bobs.md").document
        bob.store.add_tags(own.id, ["the harbour"])
        assert bob.store.tags(own.id) == ["the harbour"]  # Ada's spelling is not seen
        assert [d.id for d in documents_of_tag(bob, "The Harbour")] == [own.id]
        found = ask_shelf(bob, books, QUESTION)
        assert not found.answers and len(found.left_out) == len(books)


class TestAsking:
    def test_each_answers_as_it_would_alone(self, library: Library, books: list[Document]) -> None:
        found = ask_shelf(library, books, QUESTION, most=None)
        assert {a.id for a in found.answers} == {d.id for d in books}
        for each in found.answers:
            stream = library.ask(each.id, QUESTION)
            said = "".join(stream)
            assert each.answer.answer == said.strip()
            assert each.answer.confidence == library.answer(each.id, stream).confidence

    def test_the_likeliest_are_asked(self, library: Library, books: list[Document]) -> None:
        look = look_at(library, books, QUESTION)
        scores = [place.score for place in look.order if place.score is not None]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True)
        found = ask_shelf(library, books, QUESTION, most=1)
        assert [a.id for a in found.answers] == [look.order[0].document.id]
        assert [d.id for d in found.not_asked] == [p.document.id for p in look.order[1:]]

    def test_a_name_finds_its_book(self, library: Library, books: list[Document]) -> None:
        text = b"Zebulon Quatermass sold a purple umbrella to the bishop. " * 3
        own = library.add(text, "own.txt").document
        look = look_at(library, [*books, own], "Who sold a purple umbrella to Zebulon Quatermass?")
        assert look.order[0].document.id == own.id

    def test_the_likeliest_comes_first_and_silence_last(self, books: list[Document]) -> None:
        alike = FirstLook(tuple(Place(d, Scope(), 1.0) for d in books), ())
        apart = FirstLook(
            tuple(Place(d, Scope(), n) for d, n in zip(books, (9.0, 30.0, 1.0), strict=True)), ()
        )

        def answer(number: int, said: str, confidence: float) -> BookAnswer:
            made = Answer(said, confidence, "likely", True, "", [], [], 0.0, 0.0)
            return BookAnswer(books[number].id, str(number), "", made)

        nothing = answer(0, "I did not find this in the document.", 0.99)
        given = [nothing, answer(1, "A", 0.2), answer(2, "B", 0.7)]
        assert [each.title for each in best_first(alike, given)] == ["2", "1", "0"]
        assert [each.title for each in best_first(apart, given)] == ["1", "2", "0"]

    def test_what_cannot_be_asked_is_left_out_with_a_sentence(
        self, library: Library, books: list[Document]
    ) -> None:
        unread, _ = library.register(novel(2, 2, seed=29), "unread.md", title="Unread")
        set_position(library, books[1], chapter=1)
        library.store.set_read_to(books[1].id, 1)
        gone = books[2]
        library.remove(gone.id)
        found = ask_shelf(library, [unread, *books], QUESTION)
        assert [a.id for a in found.answers] == [books[0].id]
        why = {out.id: out.why for out in found.left_out}
        assert why[unread.id] == UNREAD
        assert "behind the place up to which you have read" in why[books[1].id]
        assert why[gone.id] == DELETED
        with pytest.raises(InvalidRequest):
            ask_shelf(library, books, "  ")

    def test_no_documents_give_no_answers(self, library: Library) -> None:
        assert ask_shelf(library, [], QUESTION).answers == ()

    def test_memories_that_are_only_asked_come_behind(
        self, tmp_path: Path, tiny_backbone: Path
    ) -> None:
        library = Library(
            read_settings(home=tmp_path, backbone=str(tiny_backbone), window=32, threads=1)
        )
        carried = library.add(novel(2, 2, seed=31), "a.md", memory="infini").document
        windows = library.add(novel(2, 2, seed=32), "b.md").document
        look = look_at(library, [carried, windows], QUESTION)
        assert [place.document.id for place in look.order] == [windows.id, carried.id]
        assert len(ask_shelf(library, [carried, windows], QUESTION).answers) == 2
        library.close()


def with_other_end(seed: int, name: str) -> bytes:
    """A novel whose first chapter depends on its name alone, and the others on the seed, too."""
    same, other = novel(2, 3, seed=len(name)), novel(2, 6, seed=seed)
    return same[: same.index(b"# Chapter 2")] + other[other.index(b"# Chapter 2") :]


def test_what_comes_later_changes_no_bit(library: Library) -> None:
    told = []
    for seed in (41, 42, 43):
        documents = []
        for name in ("one", "three"):
            data = with_other_end(seed, name)
            documents.append(library.add(data, f"{name}.md", title=name).document)
            set_position(library, documents[-1], chapter=1)
        look = look_at(library, documents, QUESTION)
        scores = [(place.document.title, place.score) for place in look.order]
        found = ask_shelf(library, documents, QUESTION)
        told.append((scores, [a.title for a in found.answers], without_times(found)))
    assert told[0] == told[1] == told[2]
    assert len(told[0][0]) == 2
    lifted = ask_shelf(library, documents, QUESTION, whole_book=True)
    assert without_times(lifted) != told[0][2]


class TestInLine:
    def test_others_have_their_turns_between_books(
        self, library: Library, books: list[Document]
    ) -> None:
        line, made = Line(), []

        class Other(Work):
            def make(self) -> None:
                made.append(len(shelving.so_far.answers))

        shelving = Shelving(library, line, books, QUESTION, most=None)

        async def run() -> None:
            joined = False
            async with aclosing(shelving.answers()) as watching:
                async for now in watching:
                    if now.asking and not joined:
                        joined = True
                        line.join(Other(""))

        asyncio.run(run())
        assert len(shelving.so_far.answers) == 3
        assert made and made[0] < 3

    def test_it_can_be_stopped(self, library: Library, books: list[Document]) -> None:
        shelving = Shelving(library, Line(), books, QUESTION, most=None)

        async def run() -> None:
            async with aclosing(shelving.answers()) as watching:
                async for now in watching:
                    if now.number == 2:
                        shelving.stop()

        with pytest.raises(Stopped):
            asyncio.run(run())
        assert 1 <= len(shelving.so_far.answers) < 3

    def test_a_document_that_is_deleted_in_the_middle_is_said(
        self, library: Library, books: list[Document]
    ) -> None:
        line = Line()
        shelving = Shelving(library, line, books, QUESTION, most=None)
        deleted = []

        async def run() -> None:
            async with aclosing(shelving.answers()) as watching:
                async for now in watching:
                    if now.number == 1 and not deleted:
                        later = next(
                            d for d in books if d.title == shelving._look.order[1].document.title
                        )
                        deleted.append(later.id)
                        await asyncio.to_thread(library.remove, later.id)

        asyncio.run(run())
        found = shelving.so_far
        assert [out.id for out in found.left_out] == deleted
        assert found.left_out[0].why == DELETED
        assert len(found.answers) == 2


@pytest.fixture
def home_of_commands(
    library: Library, books: list[Document], monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Document]]:
    settings = library.settings
    for name in ("home", "backbone", "window", "keep_ratio", "answer_tokens"):
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(getattr(settings, name)))
    yield books


def told(*words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_commands(home_of_commands: list[Document]) -> None:
    books = home_of_commands
    assert told("tag", books[2].id, "alone", "two words")["tags"] == ["alone", "two words"]
    assert told("untag", books[2].id, "ALONE")["tags"] == ["two words"]
    listed = {d["id"]: d["tags"] for d in told("list")}
    assert listed[books[0].id] == ["The Harbour"] and listed[books[2].id] == ["two words"]
    assert {d["id"] for d in told("list", "--tag", "the harbour")} == {b.id for b in books[:2]}
    found = told("ask-shelf", "the harbour", QUESTION)
    assert {a["id"] for a in found["answers"]} == {b.id for b in books[:2]}
    assert {"id", "title", "answer", "confidence", "evidence"} <= set(found["answers"][0])
    assert found["seconds"] > 0 and found["not_asked"] == found["left_out"] == []
    assert len(told("ask-shelf", QUESTION, "--most", "1")["not_asked"]) == 2
    assert len(told("ask-shelf", QUESTION, "--document", books[2].id)["answers"]) == 1
    shown = CliRunner().invoke(app, ["ask-shelf", "the harbour", QUESTION, "--every"])
    assert shown.exit_code == 0 and books[0].title in shown.output
    for wrong, code in (
        (["ask-shelf", "nix", QUESTION], 1),
        (["ask-shelf", "a", "b", "c"], 2),
        (["ask-shelf", "a", "b", "--document", books[0].id], 2),
        (["list", "--tag", "nix"], 1),
        (["tag", books[0].id, "x" * 99], 1),
    ):
        refused = CliRunner().invoke(app, wrong)
        assert refused.exit_code == code, wrong
        assert code == 2 or len(refused.stderr.strip().splitlines()) == 1
