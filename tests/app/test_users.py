"""Accounts on the command line, and whose documents its commands see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from novels import bare_document, novel, shelve
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.library import Library
from app.settings import Settings
from app.ui import server

SECRET = "a long secret"


@pytest.fixture(autouse=True)
def variables(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("home", "backbone", "window", "keep_ratio"):
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", str(getattr(settings, name)))


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(words), input=typed)


def test_accounts_are_added_listed_and_deleted(library: Library) -> None:
    shelve(library.store, bare_document())
    added = run("users", "add", "ada", typed=f"{SECRET}\n{SECRET}\n")
    assert "Added the account ada with 1 document." in added.output
    assert run("users", "add", "bob", "--password-stdin", typed=f"{SECRET}\n").exit_code == 0
    token = run("users", "token", "bob").stdout.strip()
    assert library.store.account_of_token(token) == library.store.account("bob")
    listed = json.loads(run("users", "list", "--json").stdout)
    found = [(a["name"], a["documents"], a["tokens"]) for a in listed]
    assert found == [("ada", 1, 0), ("bob", 0, 1)]
    assert "1 token of bob became invalid" in run("users", "token", "bob", "--revoke").output
    assert library.store.account_of_token(token) is None
    refused = run("users", "rm", "ada")
    assert refused.exit_code == 1 and "--give-to" in refused.output
    assert run("users", "rm", "ada", "--give-to", "bob").exit_code == 0
    assert run("users", "rm", "bob").exit_code == 0
    assert "There are no accounts" in run("users", "list").output


def test_a_password_is_changed(library: Library) -> None:
    library.store.add_account("ada", SECRET)
    before = library.store.account("ada").password
    assert run("users", "password", "ada", "--password-stdin", typed="short\n").exit_code == 1
    assert library.store.account("ada").password == before
    assert run("users", "password", "ada", typed="another one\nanother one\n").exit_code == 0
    assert library.store.account("ada").password != before


def test_passwords_that_differ_are_asked_for_again(library: Library) -> None:
    typed = f"{SECRET}\nmistyped\n{SECRET}\n{SECRET}\n"
    assert run("users", "add", "ada", typed=typed).exit_code == 0
    assert SECRET not in run("users", "list").output


def test_commands_act_for_the_first_account(library: Library, tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        library.store.add_account(name, SECRET)
    bob = library.seen_by(library.store.account("bob").id)
    his = bob.add(novel(), "novel.md", title="Bob's").document
    file = tmp_path / "novel.md"
    file.write_bytes(novel())
    assert json.loads(run("list", "--json").stdout) == []
    assert run("show", his.id, "--json").exit_code == 1
    assert "No document" in run("rm", his.id).output
    made = json.loads(run("ingest", str(file), "--json").stdout)
    assert not made["already_known"] and made["id"] != his.id
    assert [d["id"] for d in json.loads(run("list", "--json").stdout)] == [made["id"]]
    assert [d.id for d in bob.list()] == [his.id]
    assert library.store.documents_of(library.store.account("ada")) == 1


def test_an_id_does_not_tell_that_somebody_has_the_same_file(library: Library) -> None:
    for name in ("ada", "bob", "eve"):
        library.store.add_account(name, SECRET)
    ids = [
        library.seen_by(account.id).register(novel(), "novel.md")[0].id
        for account in library.store.accounts()
    ]
    assert len(set(ids)) == 3
    again, known = library.seen_by(library.store.account("eve").id).register(novel(), "novel.md")
    assert known and again.id == ids[2]


def test_beyond_this_computer_accounts_are_required(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_wait_for_signal", lambda: None)
    refused = run("serve", "--host", "0.0.0.0", "--port", "0", "--no-open")
    assert refused.exit_code == 1
    assert "bookstate users add NAME" in refused.output and "--insecure" in refused.output
    told = run("serve", "--host", "0.0.0.0", "--port", "0", "--no-open", "--insecure")
    assert told.exit_code == 0 and "INSECURE" in told.output
    library.store.add_account("ada", SECRET)
    served = run("serve", "--host", "0.0.0.0", "--port", "0", "--no-open")
    assert served.exit_code == 0 and "INSECURE" not in served.output


def test_the_option_of_before_says_what_replaces_it(library: Library, tmp_path: Path) -> None:
    refused = run("serve", "--auth-file", str(tmp_path / "users"), "--no-open")
    assert refused.exit_code == 1
    assert "bookstate users add NAME" in refused.output
    assert "--auth-file" not in run("serve", "--help").output
