"""Whose documents an event of the page sees: those of the account that sent it.

Every event, of the page and of programs, passes `Visiting.acting`, which puts the library as the
account sees it where the handlers find it. So a handler cannot forget to ask whose document it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from threading import Lock
from typing import Any

import gradio as gr

from app.errors import UnknownAccount
from app.library import Library

NOBODY = 0  # no account has this number
MOST_SESSIONS = 10_000  # pages and requests whose account is remembered, the latest ones
_seen: ContextVar[Library] = ContextVar("the library as the visitor sees it")


def show_visitor(request: gr.Request) -> Any:
    """Who is logged in, and the way out; nothing where nobody has to log in."""
    name = request.username
    out = '<a href="/logout" target="_self">Log out</a>'
    said = f'<div class="bs-note">{escape(name)} · {out}</div>' if name else ""
    return gr.update(value=said, visible=bool(name))


class Visiting:
    """The library of one server, as each visitor sees it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._pages: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    @property
    def library(self) -> Library:
        """The library as the visitor of the present event sees it.

        Outside an event, such as while the page is built, nobody's documents are seen.
        """
        if (seen := _seen.get(None)) is not None:
            return seen
        whole = self._library
        return whole.seen_by(NOBODY) if whole.store.has_accounts() else whole

    @contextmanager
    def acting(self, name: str | None, page: str | None) -> Iterator[None]:
        """Run an event of an account. Raises UnknownAccount.

        page: the random text by which Gradio knows an open page; it stays with its account.
        """
        library = self.seen_by(name)
        if name and page and not self.may_use(name, page, claim=True):
            raise UnknownAccount("This page belongs to another account; open the page again.")
        token = _seen.set(library)
        try:
            yield
        finally:
            _seen.reset(token)

    def may_use(self, name: str, page: str, *, claim: bool = False) -> bool:
        """True unless another account has this open page; claim: it is this account's now."""
        with self._lock:
            known = self._pages.get(page)
            if claim and known in (None, name):
                self._pages[page] = name
                self._pages.move_to_end(page)  # a page that is open is used every second
                while len(self._pages) > MOST_SESSIONS:
                    self._pages.popitem(last=False)
            return known in (None, name)

    def seen_by(self, name: str | None) -> Library:
        """The library as an account sees it, or nobody. Raises UnknownAccount."""
        store = self._library.store
        if name is not None:
            return self._library.seen_by(store.account(name).id)
        if store.has_accounts():
            raise UnknownAccount(
                "Nobody is logged in. If the first account was added while this server was "
                "running, stop the server and start it again; then log in."
            )
        return self._library
