"""Accounts in the store: whose a document is, and what another account can do with its numbers."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from novels import bare_document, shelve

from app.errors import InvalidSetting, UnknownAccount, UnknownDocument
from app.passwords import LONGEST, SHORTEST, hash_password, is_password
from app.storage.store import Message, Note, Store, Summary

SECRET = "a long secret"
# Parameters that name a thing by a number or a text which anybody can send.
NAMING = {"document_id", "reading_id", "chat_id", "note_id"}
# Methods that only those use who have looked the document up, or that tell nothing.
INNER = {"update_reading", "is_document", "is_reading", "add_text", "find_text"}


@pytest.fixture
def hers(store: Store) -> dict[str, Any]:
    """A document with a chat, a summary and a job, which the first account gets."""
    document = shelve(store, bare_document(title="Diary"))
    chat = store.start_chat(document.id, "Secret talk")
    store.say(chat, Message("user", "Secret question"))
    store.save_summary(document, Summary(0, "Diary", "Secret summary"))
    note = store.keep_note(document.id, Note("passage", "Secret passage", remark="Secret remark"))
    store.enqueue(document.reading.id)
    store.add_account("ada", SECRET)
    store.add_account("bob", SECRET)
    named = {"document_id": document.id, "reading_id": document.reading.id}
    return {**named, "chat_id": chat, "note_id": note}


def naming_methods(store: Store) -> list[Any]:
    methods = [m for n, m in inspect.getmembers(store, inspect.ismethod) if n[0] != "_"]
    return [
        m
        for m in methods
        if NAMING & set(inspect.signature(m).parameters) and m.__name__ not in INNER
    ]


def test_no_method_reads_or_changes_what_another_account_has(
    store: Store, hers: dict[str, Any]
) -> None:
    his = store.seen_by(store.account("bob").id)
    rest = {"title": "x", "message": Message("user", "x"), "numbers": [0], "sha256": "0" * 64}
    rest |= {"file_name": "x", "data": b"x", "values": {}, "question": "Secret question"}
    rest |= {"note": Note("note", "x"), "remark": "x", "citations": [], "names": ["x"], "tag": "x"}
    tables = set(store.db.table_names()) - {"accounts"}
    before = {t: list(store.db.execute(f"SELECT * FROM {t}")) for t in tables}
    methods = naming_methods(his)
    assert len(methods) >= 18
    for method in methods:
        given = {}
        for name, parameter in inspect.signature(method).parameters.items():
            if name in hers or parameter.default is inspect.Parameter.empty:
                given[name] = hers.get(name, rest.get(name))
        values = given.pop("values", {})
        try:
            found = method(**given, **values)
        except UnknownDocument:
            continue
        assert not found, method.__name__
    assert {t: list(store.db.execute(f"SELECT * FROM {t}")) for t in tables} == before
    assert his.documents() == his.jobs() == []


def test_the_same_methods_find_ones_own(store: Store, hers: dict[str, Any]) -> None:
    own = store.seen_by(store.account("ADA").id)
    assert [d.title for d in own.documents()] == ["Diary"]
    assert own.document("Diary") == own.document_of(hers["reading_id"])
    assert own.messages(hers["chat_id"]) and own.chats(hers["document_id"]) and own.jobs()
    own.set_remark(hers["note_id"], "Mine")
    assert [n.remark for n in own.notes(hers["document_id"])] == ["Mine"]
    own.update(hers["document_id"], title="Mine")
    assert store.document("Mine").id == hers["document_id"]


def test_documents_go_to_the_first_account(store: Store, hers: dict[str, Any]) -> None:
    ada, bob = store.accounts()
    assert (ada.name, store.documents_of(ada)) == ("ada", 1)
    shelve(store, bare_document("fff000000000", "From the command line"))
    shelve(store.seen_by(bob.id), bare_document("eee000000000", "Bob's"))
    assert (store.documents_of(ada), store.documents_of(bob)) == (2, 1)
    assert [d.title for d in store.seen_by(bob.id).documents()] == ["Bob's"]
    assert len(store.documents()) == 3


def test_a_title_is_looked_for_among_ones_own(store: Store, hers: dict[str, Any]) -> None:
    bob = store.seen_by(store.account("bob").id)
    shelve(bob, bare_document("eee000000000", "Diary"))
    assert bob.document("diary").id == "eee000000000"
    with pytest.raises(UnknownDocument, match="2 documents"):
        store.document("Diary")


def test_an_account_with_documents_goes_once_they_are_given_away(
    store: Store, hers: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSetting, match="'ada' has 1 document; name the account"):
        store.remove_account("ada")
    with pytest.raises(InvalidSetting, match="give its documents to another"):
        store.remove_account("ada", "Ada")
    store.add_token("ada")
    store.remove_account("ada", give_to="bob")
    assert store.documents_of(store.account("bob")) == 1
    assert store.db.execute("SELECT count(*) FROM tokens").fetchone() == (0,)
    store.remove_account("bob")
    assert not store.has_accounts()
    assert [d.title for d in store.documents()] == ["Diary"]


@pytest.mark.parametrize("name", ["", " ", "a b", "-ada", "ada\n", "ä", "a" * 65, "ada:x"])
def test_a_name_that_cannot_be_typed_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidSetting, match="cannot be the name of an account"):
        store.add_account(name, SECRET)


def test_names_and_passwords_are_checked(store: Store) -> None:
    store.add_account("ada", SECRET)
    with pytest.raises(InvalidSetting, match="already"):
        store.add_account("ADA", SECRET)
    for password in ("x" * (SHORTEST - 1), "x" * (LONGEST + 1)):
        with pytest.raises(InvalidSetting, match=f"choose one of {SHORTEST} to {LONGEST}"):
            store.add_account("bob", password)
    with pytest.raises(UnknownAccount, match="users list"):
        store.account("bob")


def test_a_password_is_recognised() -> None:
    stored = hash_password("geheim-ü")
    assert is_password("geheim-ü", stored)
    assert not is_password("geheim-u", stored)
    assert not is_password("geheim-ü", None)
    assert stored != hash_password("geheim-ü")
