"""Who may call: the names that the server answers to, and the pages that may send it requests.

A page of another site can make a browser send requests here, and a name that such a site owns can
be pointed at this computer. A browser says which name it asked for (`Host`) and which page asks
(`Origin`, `Sec-Fetch-Site`), and no page can change that. Programs say neither and may call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from app.errors import InvalidSetting

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
PAGES = frozenset({"/"})  # where a link on another site may lead
OWN_SITES = frozenset({"same-origin", "none"})  # none: typed in, or from a bookmark
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f:.]*:[0-9a-f:.]*")  # or an IPv6 address
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/?#@\\\s]+))(?::\d*)?")
_PORTS = {"http": ":80", "https": ":443"}
_SHOWN = 80  # characters of a refused name


@dataclass(frozen=True, slots=True)
class Callers:
    """Names of this server, in lower case, and origins of other pages that may call it."""

    names: frozenset[str] = OWN_NAMES
    origins: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise InvalidSetting(
                    f"{name!r} is not a host name; give a name or an address without http:// and "
                    "without a port, such as books.example."
                )
        for origin in self.origins:
            if not origin or _origin(origin) != origin:
                raise InvalidSetting(
                    f"{origin!r} is not the origin of a page; give its scheme, its name and its "
                    "port if it has one, such as https://notes.example."
                )

    @classmethod
    def of(cls, bound: str, names: Iterable[str], origins: Iterable[str]) -> Callers:
        """The callers of a server that listens on `bound`. Raises InvalidSetting."""
        given = (_bare(name) for name in (bound, *names))
        return cls(OWN_NAMES | set(given), frozenset(o.lower().rstrip("/") for o in origins))

    def why_refused(self, connection: HTTPConnection, method: str) -> str:
        """One sentence on why this request is refused; empty for one that may pass."""
        headers = connection.headers
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            return "A request must name exactly one host."
        if not self._answers_to(hosts[0], connection):
            name = _host(hosts[0]) or hosts[0]
            return (
                f"This server does not answer to the name {name[:_SHOWN]!r}; if the "
                "name is yours, start the server with --allowed-host and this name."
            )
        if _opens_a_page(connection, method):
            return ""
        origins = headers.getlist("origin")
        if len(origins) == 1 and origins[0] in self.origins:
            return ""
        if strange := [o for o in origins if not _same(o, hosts[0])]:
            return (
                f"Pages from {strange[0][:_SHOWN]!r} may not use this server; if the page is "
                "yours, start the server with --allowed-origin and this address."
            )
        if not OWN_SITES.issuperset(headers.getlist("sec-fetch-site")):
            return "Pages of other sites may not use this server; open its own page."
        return ""

    def _answers_to(self, host: str, connection: HTTPConnection) -> bool:
        """True for a name of ours, and for the address at which the request arrived."""
        name = _host(host)
        arrived = (connection.scope.get("server") or ("",))[0] or ""
        return name in self.names or _same_address(name, arrived)


def _opens_a_page(connection: HTTPConnection, method: str) -> bool:
    """True for a link that a person follows: the other site neither reads nor embeds the page."""
    headers = connection.headers
    return (
        method == "GET"
        and connection.scope["path"] in PAGES
        and headers.getlist("sec-fetch-mode") == ["navigate"]
        and headers.getlist("sec-fetch-dest") == ["document"]
    )


def _bare(name: str) -> str:
    return name.strip().lower().removeprefix("[").removesuffix("]")


def _host(host: str) -> str:
    """The name in a `Host` header, without the port and the brackets of an IPv6 address.

    Empty for what is written in another form: a part of it might be taken for a path.
    """
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


def _origin(url: str) -> str:
    """The origin as a browser writes it, or nothing if the address is no origin."""
    try:
        parts = urlsplit(url)
        port, name = parts.port, parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not _NAME.fullmatch(name):
        return ""
    end = "" if port is None or f":{port}" == _PORTS[parts.scheme] else f":{port}"
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}{end}"


def _same(origin: str, host: str) -> bool:
    """True if a page of this origin came from the server that the request names.

    The scheme is not compared, because a proxy may speak https for this server.
    """
    scheme, _, place = origin.lower().partition("://")
    usual = _PORTS.get(scheme)
    if usual is None or not place:
        return False
    return place.removesuffix(usual) == host.lower().removesuffix(usual)


def _same_address(name: str, arrived: str) -> bool:
    """True if a name is an address, and that of this server; no site can own an address."""
    try:
        one, other = ip_address(name), ip_address(arrived)
    except ValueError:
        return False
    mapped = other.ipv4_mapped if isinstance(other, IPv6Address) else None
    return one in (other, mapped)
