"""Names and origins, and the parts of the door that no HTTP client can send."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from app.errors import InvalidSetting
from app.web.bodies import BodyLimits
from app.web.callers import Callers
from app.web.door import Door
from app.web.headers import confined

OWN = ("host", "localhost:7860")


def scope(*headers: tuple[str, str], kind: str = "http", arrived: str = "127.0.0.1") -> Scope:
    return {
        "type": kind,
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "scheme": "http",
        "server": (arrived, 7860),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }


def refused(callers: Callers, *headers: tuple[str, str], arrived: str = "127.0.0.1") -> bool:
    return bool(callers.why_refused(HTTPConnection(scope(*headers, arrived=arrived)), "GET"))


class TestNames:
    @pytest.mark.parametrize("headers", [(), (OWN, OWN), (("host", ""),)])
    def test_exactly_one_is_named(self, headers: tuple[tuple[str, str], ...]) -> None:
        assert refused(Callers(), *headers)

    @pytest.mark.parametrize(
        "host",
        ["[::1]/assets/?", "[::1]x", "[::1", "::1", "localhost/assets/?", "localhost:80/x:80",
         "localhost#", "me@localhost", "localhost ", "localhost:80:80", "localhost:http"],
    )  # fmt: skip
    def test_a_host_in_another_form_is_no_name(self, host: str) -> None:
        assert refused(Callers(), ("host", host))

    @pytest.mark.parametrize("host", ["localhost", "LocalHost:80", "[::1]", "[::1]:7860"])
    def test_a_host_in_its_form(self, host: str) -> None:
        assert not refused(Callers(), ("host", host))

    @pytest.mark.parametrize("bound", ["192.168.1.5", "books.local", "fd00::7", "[fd00::7]"])
    def test_the_bound_address(self, bound: str) -> None:
        callers, bare = Callers.of(bound, (), ()), bound.strip("[]")
        host = f"[{bare}]" if ":" in bare else bare
        assert not refused(callers, ("host", host))
        assert not refused(callers, ("host", f"{host}:7860"))
        assert refused(Callers(), ("host", host))

    def test_the_address_at_which_a_request_arrives(self) -> None:
        """A server on all addresses is asked by one of them, which no site can own as a name."""
        every = Callers.of("0.0.0.0", (), ())
        assert not refused(every, ("host", "192.168.1.5:7860"), arrived="192.168.1.5")
        assert not refused(every, ("host", "192.168.1.5:7860"), arrived="::ffff:192.168.1.5")
        assert refused(every, ("host", "192.168.1.6:7860"), arrived="192.168.1.5")
        assert refused(every, ("host", "rebound.example"), arrived="rebound.example")

    @pytest.mark.parametrize("name", ["", "*", "http://books.example", "books.example:80", "a b"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(InvalidSetting, match="host name"):
            Callers.of("127.0.0.1", (name,), ())

    @pytest.mark.parametrize(
        "origin",
        ["", "*", "null", "notes.example", "https://notes.example/page", "https://a:b@notes.example",
         "ftp://notes.example", "https://notes.example:443", "https://notes.example:x"],
    )  # fmt: skip
    def test_an_origin_that_is_none_is_refused(self, origin: str) -> None:
        with pytest.raises(InvalidSetting, match="origin"):
            Callers.of("127.0.0.1", (), (origin,))

    def test_origins_are_compared_whole(self) -> None:
        callers = Callers.of("127.0.0.1", (), ("https://Notes.example/",))
        assert not refused(callers, OWN, ("origin", "https://notes.example"))
        for origin in ("http://notes.example", "https://notes.example.evil.example"):
            assert refused(callers, OWN, ("origin", origin))
        assert refused(callers, OWN, ("origin", "https://notes.example"), ("origin", "null"))


class TestSockets:
    def opened(self, *headers: tuple[str, str], logged_in: bool = True) -> list[Message]:
        sent: list[Message] = []

        async def app(_: Scope, __: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        door = Door(app, Callers(), BodyLimits(1), lambda _: logged_in)
        asked = {**scope(*headers, kind="websocket"), "path": "/gradio_api/queue"}
        asyncio.run(door(asked, receive, send))
        return sent

    def test_own_pages_and_programs(self) -> None:
        for headers in ((OWN,), (OWN, ("origin", "http://localhost:7860"))):
            assert self.opened(*headers)[0]["type"] == "websocket.accept"

    def test_foreign_pages_and_strangers(self) -> None:
        assert self.opened(OWN, ("origin", "http://evil.example"))[0]["type"] == "websocket.close"
        assert self.opened(("host", "rebound.example"))[0]["type"] == "websocket.close"
        assert self.opened(OWN, logged_in=False)[0]["type"] == "websocket.close"


class TestBodies:
    def answered(self, app: Any, parts: int, *headers: tuple[str, str]) -> tuple[list[int], int]:
        """(statuses that were sent, parts of the body that were read)."""
        statuses, read = [], 0

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        async def receive() -> Message:
            nonlocal read
            read += 1
            return {"type": "http.request", "body": b"x" * 100, "more_body": read < parts}

        door = Door(app, Callers(), BodyLimits(100, 250), lambda _: True)
        asyncio.run(door({**scope(OWN, *headers), "method": "POST"}, receive, send))
        return statuses, read

    def test_an_application_sees_no_more_than_the_limit(self) -> None:
        seen = 0

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal seen
            while (message := await receive())["type"] == "http.request":
                seen += len(message["body"])
                if not message["more_body"]:
                    break
            await PlainTextResponse("done")(scope, receive, send)

        assert self.answered(app, 2) == ([200], 2)
        seen = 0
        assert self.answered(app, 1000)[0] == [413]
        assert seen == 200

    def test_an_application_that_fails_of_it_is_answered_for(self) -> None:
        async def app(_: Scope, receive: Receive, __: Send) -> None:
            while (await receive())["type"] == "http.request":
                pass
            raise ConnectionResetError

        assert self.answered(app, 1000)[0] == [413]

    @pytest.mark.parametrize("length", ["251", "-1", "1e3", "²", ""])
    def test_a_stated_length_is_looked_at_first(self, length: str) -> None:
        async def app(*_: Any) -> None:
            raise AssertionError("the application was asked")

        assert self.answered(app, 1, ("content-length", length))[0] == [413]


@pytest.mark.parametrize(
    "cookie",
    ["a=b; Path=/; SameSite=none; Secure", "a=b; HttpOnly; Path=/; samesite=Strict; Secure",
     "a=b; Path=/;HttpOnly;SameSite=none;Secure"],
)  # fmt: skip
def test_cookies_are_confined(cookie: str) -> None:
    parts = [part.strip() for part in confined(cookie).split(";")]
    assert sorted(parts) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure", "a=b"]
