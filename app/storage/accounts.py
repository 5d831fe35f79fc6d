"""Accounts: who may log in, and whose the documents are.

Without accounts, the library belongs to anyone who can read its folder. The first account gets all
documents that are there. A store that sees for an account finds that account's documents alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidSetting, UnknownAccount
from app.passwords import checked_password, hash_password, hash_token, new_token
from app.storage.database import DatabaseFile, now

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who may log in."""

    id: int
    name: str
    password: str  # its hash
    created_at: str


class AccountStore(DatabaseFile):
    """Accounts with their tokens."""

    def accounts(self) -> list[Account]:
        """All accounts, the first one first."""
        return [Account(**row) for row in self.db.query("SELECT * FROM accounts ORDER BY id")]

    def has_accounts(self) -> bool:
        """True if people have to log in."""
        return self.first_account() is not None

    def find_account(self, name: str) -> Account | None:
        """The account of this name, in upper or lower case, or None."""
        rows = self.db.query("SELECT * FROM accounts WHERE name = ?", [name.strip()])
        return next((Account(**row) for row in rows), None)

    def account(self, name: str) -> Account:
        """The account of this name, in upper or lower case. Raises UnknownAccount."""
        if (found := self.find_account(name)) is not None:
            return found
        raise UnknownAccount(
            f"There is no account {name!r:.80}; `bookstate users list` shows those that there are."
        )

    def account_of_token(self, token: str) -> Account | None:
        """The account that a token was made for, or None for a token that is not known."""
        rows = self.db.query(
            "SELECT a.* FROM accounts a JOIN tokens t ON t.account_id = a.id WHERE t.sha256 = ?",
            [hash_token(token)],
        )
        return next((Account(**row) for row in rows), None)

    def add_account(self, name: str, password: str) -> Account:
        """Add an account; the first one gets all documents. Raises InvalidSetting."""
        if not _NAME.fullmatch(name):
            raise InvalidSetting(
                f"{name!r:.80} cannot be the name of an account; use at most 64 letters, digits "
                "and . _ @ + -, and begin with a letter or a digit."
            )
        row: dict[str, Any] = {"name": name, "password": hash_password(checked_password(password))}
        with self.writing() as db:
            if self.find_account(name) is not None:
                raise InvalidSetting(f"There is an account {name!r} already; choose another name.")
            key = self._insert("accounts", {**row, "created_at": now()})
            db.execute("UPDATE documents SET account_id = ? WHERE account_id IS NULL", [key])
        return self.account(name)

    def set_password(self, name: str, password: str) -> None:
        """Give an account another password, which ends its logins. Raises UnknownAccount."""
        hashed = hash_password(checked_password(password))
        with self.writing() as db:
            db.execute(
                "UPDATE accounts SET password = ? WHERE id = ?", [hashed, self.account(name).id]
            )

    def remove_account(self, name: str, give_to: str | None = None) -> None:
        """Delete an account; its documents go to another one.

        Those of the last account stay, for anyone who can read the folder. Raises UnknownAccount,
        and InvalidSetting for an account that has documents where others are left to get them.
        """
        with self.writing() as db:
            account = self.account(name)
            heir = self.account(give_to) if give_to else None
            if heir == account:
                raise InvalidSetting(
                    f"{name!r} is to be deleted; give its documents to another account."
                )
            owned = self.documents_of(account)
            if owned and heir is None and len(self.accounts()) > 1:
                raise InvalidSetting(
                    f"{account.name!r} has {owned} document{'s' if owned > 1 else ''}; name the "
                    "account that gets them with --give-to, or delete them first."
                )
            db.execute(
                "UPDATE documents SET account_id = ? WHERE account_id = ?",
                [heir.id if heir else None, account.id],
            )
            db.execute("DELETE FROM accounts WHERE id = ?", [account.id])

    def documents_of(self, account: Account) -> int:
        """How many documents an account has."""
        return int(self._table("documents").count_where("account_id = ?", [account.id]))

    def add_token(self, name: str) -> str:
        """A new token for programs of an account, which is not stored. Raises UnknownAccount."""
        token = new_token()
        with self.writing():
            row = {"account_id": self.account(name).id, "sha256": hash_token(token)}
            self._insert("tokens", {**row, "created_at": now()})
        return token

    def tokens_of(self, account: Account) -> int:
        """How many tokens an account has."""
        return int(self._table("tokens").count_where("account_id = ?", [account.id]))

    def remove_tokens(self, name: str) -> int:
        """Make all tokens of an account invalid; returns how many there were."""
        with self.writing() as db:
            account = self.account(name)
            return int(db.execute("DELETE FROM tokens WHERE account_id = ?", [account.id]).rowcount)
