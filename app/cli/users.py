"""`bookstate users ...`: the accounts of people who log in, and tokens for their programs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from app.cli.common import Json, emit, opened_for_all, say
from app.passwords import SHORTEST

commands = typer.Typer(no_args_is_help=True, help="Accounts for the web page.")

Name = Annotated[str, typer.Argument(help="Name of the account.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@commands.command("add")
def add(name: Name, password_stdin: FromStdin = False) -> None:
    """Add an account. The first one gets all documents that are there, and those that are added on
    the command line."""
    with opened_for_all() as library:
        account = library.store.add_account(name, _password(stdin=password_stdin))
        count = library.store.documents_of(account)
        theirs = f" with {count} document{'' if count == 1 else 's'}" if count else ""
        say(f"Added the account {account.name}{theirs}.")


@commands.command("password")
def password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give an account another password; logins with the old one end."""
    with opened_for_all() as library:
        account = library.store.account(name)
        library.store.set_password(account.name, _password(stdin=password_stdin))
        say(f"{account.name} has another password.")


@commands.command("rm")
def remove(
    name: Name,
    give_to: Annotated[
        str | None, typer.Option(help="The account that gets this one's documents.")
    ] = None,
) -> None:
    """Delete an account. The documents of the last one stay, without a login."""
    with opened_for_all() as library:
        library.store.remove_account(name, give_to)
        say(f"Deleted the account {name}.")


@commands.command("list")
def list_accounts(as_json: Json = False) -> None:
    """List the accounts."""
    with opened_for_all() as library:
        store = library.store
        found = [
            {
                "name": account.name,
                "documents": store.documents_of(account),
                "tokens": store.tokens_of(account),
                "created_at": account.created_at,
            }
            for account in store.accounts()
        ]
    if as_json:
        emit(found)
    for one in () if as_json else found:
        say("{name}  documents {documents}, tokens {tokens}, since {created_at}".format(**one))
    if not found and not as_json:
        say("There are no accounts; add one with `bookstate users add NAME`.")


@commands.command("token")
def token(
    name: Name,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Make all tokens of the account invalid instead.")
    ] = False,
) -> None:
    """Print a new bearer token with which a program acts for an account."""
    with opened_for_all() as library:
        if revoke:
            count = library.store.remove_tokens(name)
            say(f"{count} token{'' if count == 1 else 's'} of {name} became invalid.")
            return
        made = library.store.add_token(name)
    sys.stderr.write("Keep this token, it is not shown again:\n")
    say(made)


def _password(*, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    asked = f"Password (at least {SHORTEST} characters)"
    return str(typer.prompt(asked, hide_input=True, confirmation_prompt=True))
