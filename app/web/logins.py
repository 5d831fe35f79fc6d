"""Logins: which account a cookie or a token stands for, and how often a password may be wrong.

Gradio keeps its logins in a mapping from the cookie's value to a name. `Logins` is that mapping,
but a login ends with its account and with a change of its password. A program's bearer token is a
value that is looked up in the database.
"""

from __future__ import annotations

from asyncio import to_thread
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic

from starlette.requests import HTTPConnection

from app.passwords import TOKEN_PREFIX, is_password
from app.storage.store import Account, Store

MOST_LOGINS = 10_000  # that are remembered; the oldest are forgotten first
MOST_WRONG = 10  # wrong passwords of one address in a minute
MINUTE = 60.0
MOST_ADDRESSES = 10_000  # whose wrong passwords are counted


class Logins(MutableMapping[str, str]):
    """Names of accounts by the value of a cookie or a bearer token."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cookies: OrderedDict[str, Account] = OrderedDict()
        self._lock = Lock()
        self._checking = Lock()

    async def check(self, name: str, password: str) -> bool:
        """True if this is an account's password; one at a time, because each takes memory."""
        return await to_thread(self._check, name, password)

    def _check(self, name: str, password: str) -> bool:
        found = self._store.find_account(name)
        with self._checking:
            return is_password(password, found.password if found else None)

    def __getitem__(self, key: str) -> str:
        """The name of the account. Raises KeyError for what stands for nobody, or no longer."""
        if key and key.startswith(TOKEN_PREFIX):
            account = self._store.account_of_token(key)
            if account is None:
                raise KeyError(key)
            return account.name
        account = self._cookies[key]
        if self._store.find_account(account.name) != account:
            raise KeyError(key)
        return account.name

    def __setitem__(self, key: str, name: str) -> None:
        """Remember a login of which the password has been checked."""
        account = self._store.account(name)
        with self._lock:
            self._cookies[key] = account
            while len(self._cookies) > MOST_LOGINS:
                self._cookies.popitem(last=False)

    def __delitem__(self, key: str) -> None:
        del self._cookies[key]

    def __iter__(self) -> Iterator[str]:
        return iter([key for key in list(self._cookies) if key in self])

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who sends a request, by the cookie or the bearer token in it.

    cookies: the names of the cookies that hold a login.
    """

    logins: Logins
    cookies: tuple[str, ...]

    def name(self, connection: HTTPConnection) -> str | None:
        """The account's name, or None for a visitor who is not logged in."""
        values = [connection.cookies.get(cookie) for cookie in self.cookies]
        values.append(bearer(connection))
        names = (self.logins.get(value) for value in values if value)
        return next((name for name in names if name is not None), None)


def bearer(connection: HTTPConnection) -> str:
    """The token of an `Authorization` header, or nothing."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class WrongPasswords:
    """Counts the wrong passwords of each address, so that nobody can try many."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = Lock()

    def begin(self, address: str) -> bool:
        """Count one try as wrong until `forgive`; False if there have been too many."""
        moment = self._clock()
        with self._lock:
            times = self._times.setdefault(address, deque())
            self._times.move_to_end(address)
            while len(self._times) > MOST_ADDRESSES:
                self._times.popitem(last=False)
            while times and moment - times[0] >= MINUTE:
                times.popleft()
            if len(times) >= MOST_WRONG:
                return False
            times.append(moment)
            return True

    def forgive(self, address: str) -> None:
        """The last try was right: do not count it."""
        with self._lock:
            if times := self._times.get(address):
                times.pop()
