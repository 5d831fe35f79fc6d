"""Finding the files that an EPUB's links mean, also where the links are not written correctly."""

from __future__ import annotations

import posixpath
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from urllib.parse import unquote


class Paths:
    """The names of an archive's members, found by links to them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: dict[str, str] = {}
        last: dict[str, list[str]] = defaultdict(list)
        for name in sorted(names):
            self._names.setdefault(_plain(name), name)
            last[posixpath.basename(_plain(name))].append(name)
        # A file that is not where the link says is found if no other one has its name.
        self._alone = {key: found[0] for key, found in last.items() if key and len(found) == 1}

    def find(self, folder: str, link: str) -> str | None:
        """The member that a link in a file in ``folder`` means, or None."""
        bare = link.partition("#")[0].strip()
        if not bare:
            return None
        once = unquote(bare)
        for written in (once, bare, unquote(once), unquote(bare, "cp1252"), once.partition("?")[0]):
            for start in (folder, ""):
                if name := self._names.get(_plain(posixpath.join(start, _slashes(written)))):
                    return name
        return self._alone.get(posixpath.basename(_plain(once)))

    def target(self, base: str, link: str) -> str:
        """What a link in the file ``base`` leads to: "member" or "member#fragment"."""
        bare, mark, fragment = link.partition("#")
        name = self.find(posixpath.dirname(base), bare) if bare.strip() else base
        return f"{name or bare}{mark}{unquote(fragment)}"


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _plain(path: str) -> str:
    """A path without what differs between systems: backslashes, case, composed letters."""
    inside = posixpath.normpath("/" + _slashes(path)).lstrip("/")
    return unicodedata.normalize("NFC", inside).casefold()
