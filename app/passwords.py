"""Passwords and tokens of accounts: only their hashes are stored.

A password is chosen by a person and may be guessed, so its hash takes long to compute (scrypt with
the parameters that OWASP recommends). A token is 256 random bits, so SHA-256 is enough for it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from functools import cache

from app.errors import InvalidSetting

SHORTEST, LONGEST = 8, 1024  # characters of a password
TOKEN_PREFIX = "bst_"
_COST = {"n": 1 << 15, "r": 8, "p": 3}  # 32 MB, about a quarter of a second
_MOST_MEMORY = 64 << 20


def checked_password(password: str) -> str:
    """The password. Raises InvalidSetting for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidSetting(
            f"The password has {len(password)} characters; choose one of {SHORTEST} to {LONGEST}."
        )
    return password


def hash_password(password: str) -> str:
    """What is stored of a password: scrypt$n$r$p$salt$hash."""
    salt = secrets.token_bytes(16)
    numbers = "$".join(str(number) for number in _COST.values())
    return f"scrypt${numbers}${_text(salt)}${_text(_scrypt(password, salt, **_COST))}"


def is_password(password: str, stored: str | None) -> bool:
    """True if a password is the one that was stored; as slow where nothing is stored."""
    _, n, r, p, salt, wanted = (stored or _nobody()).split("$")
    found = _scrypt(password[:LONGEST], b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, b64decode(wanted)) and stored is not None


def new_token() -> str:
    """A bearer token for a program."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@cache
def _nobody() -> str:
    return hash_password(secrets.token_hex())


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY
    )


def _text(data: bytes) -> str:
    return b64encode(data).decode()
