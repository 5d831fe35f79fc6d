"""The door around the real server: every route of the application, enumerated from itself."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from novels import novel

from app.library import Library
from app.settings import read_settings
from app.ui.server import build_ui, launch_ui
from app.web.callers import Callers
from app.web.headers import FIXED
from app.web.login import is_open
from app.worker import Worker

FRIEND = "https://notes.example"
FOREIGN: dict[str, dict[str, str]] = {
    "another name": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:9"},
    "another loopback name": {"Origin": "http://localhost:9"},
    "no name": {"Origin": "null"},
    "a site that hides its name": {"Sec-Fetch-Site": "cross-site"},
    "another port that hides its name": {"Sec-Fetch-Site": "same-site"},
    "a foreign page that says it is ours": {
        "Origin": "http://evil.example",
        "Sec-Fetch-Site": "same-origin",
    },
    "a name that was pointed here": {"Host": "rebound.example"},
    "a name below localhost": {"Host": "x.localhost"},
    "localhost with a dot": {"Host": "localhost."},
    "another address": {"Host": "10.0.0.7"},
}
LINK = {
    "Sec-Fetch-Site": "cross-site",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
USER = {"username": "anna", "password": "a long secret"}


@dataclass(frozen=True)
class Behind:
    """A running server, its application and one route of it at a time."""

    address: str
    app: Any
    library: Library

    def routes(self) -> list[tuple[str, str]]:
        """(method, path) of every route, with something in the place of its parameters."""
        found, left = set(), list(self.app.routes)
        while left:
            route = left.pop()
            if not hasattr(route, "path"):  # a router that FastAPI looks into while it serves
                left += route.original_router.routes
                continue
            path = re.sub(r"\{[^}]*\}", "x", route.path)
            found |= {(method, path) for method in route.methods or {"GET"}}
        return sorted(found)

    def send(self, method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        return httpx.request(
            method, self.address.rstrip("/") + path, headers=headers, timeout=20, **more
        )


@pytest.fixture(autouse=True, scope="module")
def certificates_once() -> Iterator[None]:
    """Every request of httpx reads all certificates of the system, although nothing here is TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


def behind(home: Path, backbone: Path, *, users: bool = False) -> Iterator[Behind]:
    library = Library(
        read_settings(home=home, backbone=str(backbone), window=32, threads=1, max_upload_mb=1)
    )
    library.register(novel(), "novel.md", title="Mine")
    if users:
        library.store.add_account(USER["username"], USER["password"])
    blocks = build_ui(library, Worker(library))
    callers = Callers.of("127.0.0.1", ("books.example",), (FRIEND,))
    address = launch_ui(blocks, library, "127.0.0.1", 0, callers)
    yield Behind(address, blocks.server_app, library)
    blocks.close(verbose=False)
    library.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Behind]:
    yield from behind(tmp_path_factory.mktemp("door"), tiny_backbone)


@pytest.fixture(scope="module")
def login_door(tmp_path_factory: pytest.TempPathFactory, tiny_backbone: Path) -> Iterator[Behind]:
    yield from behind(tmp_path_factory.mktemp("login"), tiny_backbone, users=True)


def port_of(door: Behind) -> str:
    return door.address.rstrip("/").rpartition(":")[2]


class TestForeignPages:
    @pytest.mark.parametrize("who", FOREIGN)
    def test_no_route_answers_them(self, door: Behind, who: str) -> None:
        routes = door.routes()
        assert {("POST", "/gradio_api/upload"), ("GET", "/gradio_api/queue/data")} < set(routes)
        for method, path in [*routes, ("OPTIONS", "/config"), ("GET", "/of-no-route")]:
            answer = door.send(method, path, FOREIGN[who])
            assert answer.status_code == 403, (method, path)
            assert "access-control-allow-origin" not in answer.headers, (method, path)
            if method != "HEAD":
                assert answer.json()["detail"].endswith((".", "name.", "address."))

    def test_the_attack_leaves_nothing(self, door: Behind) -> None:
        config = door.send("GET", "/config", {}).json()
        (rename,) = [d["id"] for d in config["dependencies"] if d["api_name"] == "rename"]
        (document,) = door.library.list()
        call = {"data": [document.id, "Theirs"], "fn_index": rename, "session_hash": "evil"}
        for foreign in FOREIGN.values():
            sent = door.send("POST", "/gradio_api/queue/join", foreign, json=call)
            assert sent.status_code == 403
            files = {"files": ("evil.txt", b"x" * 1000)}
            assert door.send("POST", "/gradio_api/upload", foreign, files=files).status_code == 403
        assert [d.title for d in door.library.list()] == ["Mine"]
        assert not list((door.library.settings.home / "uploads").rglob("*evil*"))

    def test_a_preflight_gives_them_nothing(self, door: Behind) -> None:
        ask = {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
        answer = door.send("OPTIONS", "/gradio_api/queue/join", ask)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers


class TestOwnPages:
    def test_a_link_in_a_mail_opens_the_page(self, door: Behind) -> None:
        answer = door.send("GET", "/?q=1", LINK)
        assert answer.status_code == 200 and "<gradio-app" in answer.text

    @pytest.mark.parametrize(
        "changed",
        [{"Sec-Fetch-Dest": "iframe"}, {"Sec-Fetch-Mode": "no-cors"}, {"Host": "rebound.example"}],
    )
    def test_what_is_no_link_does_not(self, door: Behind, changed: dict[str, str]) -> None:
        assert door.send("GET", "/", LINK | changed).status_code == 403

    def test_a_link_leads_to_the_page_alone(self, door: Behind) -> None:
        for method, path in door.routes():
            if (method, path) != ("GET", "/"):
                assert door.send(method, path, LINK).status_code == 403, (method, path)

    @pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
    def test_own_names_and_origins(self, door: Behind, name: str) -> None:
        host = f"{name}:{port_of(door)}"
        own = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        assert door.send("GET", "/config", own).status_code == 200
        assert door.send("GET", "/config", {"Host": host}).status_code == 200

    def test_an_allowed_name_may_be_behind_a_proxy(self, door: Behind) -> None:
        own = {"Host": "books.example", "Origin": "https://books.example"}
        assert door.send("GET", "/config", own).status_code == 200

    def test_programs_say_nothing_and_may_call(self, door: Behind) -> None:
        assert door.send("GET", "/gradio_api/info", {}).status_code == 200


class TestAllowedPages:
    def test_they_may_read(self, door: Behind) -> None:
        friend = {"Origin": FRIEND, "Sec-Fetch-Site": "cross-site"}
        answer = door.send("GET", "/config", friend)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]

    def test_their_preflight_is_answered(self, door: Behind) -> None:
        ask = {"Origin": FRIEND, "Access-Control-Request-Method": "POST"}
        answer = door.send("OPTIONS", "/gradio_api/call/list_documents", ask)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == FRIEND
        assert "content-type" in answer.headers["access-control-allow-headers"]

    def test_their_frames_and_pictures_stay_out(self, door: Behind) -> None:
        assert door.send("GET", "/", {"Sec-Fetch-Site": "cross-site"}).status_code == 403


class TestLogin:
    def test_every_route_asks_for_it(self, login_door: Behind) -> None:
        routes = login_door.routes()
        for method, path in [*routes, ("GET", "/openapi.json"), ("GET", "/of-no-route")]:
            status = login_door.send(method, path, {}).status_code
            assert (status == 401) != is_open(path), (method, path, status)

    @pytest.mark.parametrize(
        "path", ["/openapi.json", "/gradio_api/cancel", "/gradio_api/reset", "/gradio_api/token"]
    )
    def test_what_gradio_leaves_open_is_behind_it(self, login_door: Behind, path: str) -> None:
        assert not is_open(path)
        assert (login_door.send("POST", path, {}).status_code) == 401

    @pytest.mark.parametrize("host", ["[::1]/assets/?", "127.0.0.1/assets/?"])
    def test_a_host_does_not_change_which_route_is_asked_for(
        self, login_door: Behind, host: str
    ) -> None:
        assert login_door.send("GET", "/config", {"Host": host}).status_code in (400, 401, 403)

    @pytest.mark.parametrize("path", ["/%3F/config", "/config%3F/assets/", "/assets/..%2Fconfig"])
    def test_a_strange_path_shows_nothing(self, login_door: Behind, path: str) -> None:
        assert "dependencies" not in login_door.send("GET", path, {}).text

    def test_what_is_open_shows_no_title(self, login_door: Behind) -> None:
        for method, path in login_door.routes():
            if is_open(path) and method == "GET":
                assert "Mine" not in login_door.send(method, path, {}).text, path

    def test_its_cookies_stay_on_the_site_and_away_from_scripts(self, login_door: Behind) -> None:
        with httpx.Client(base_url=login_door.address) as client:
            answer = client.post("/login", data=USER)
            cookies = answer.headers.get_list("set-cookie")
            assert len(cookies) == 2
            for cookie in cookies:
                assert cookie.count("SameSite=Lax") == cookie.count("HttpOnly") == 1
                assert "none" not in cookie.lower()
            assert client.get("/config").status_code == 200
            assert client.get("/openapi.json").status_code == 200
            assert client.get("/gradio_api/token").status_code == 200

    def test_a_false_cookie_is_none(self, login_door: Behind) -> None:
        name = f"access-token-{login_door.app.cookie_id}"
        for value in ("", "None", "x"):
            answer = login_door.send("GET", "/config", {"Cookie": f"{name}={value}"})
            assert answer.status_code == 401


class TestHeaders:
    def test_every_response_has_them(self, door: Behind) -> None:
        streams = ("heartbeat", "queue/data", "upload_progress", "dev/reload", "call/")
        for method, path in [*door.routes(), ("GET", "/of-no-route")]:
            if any(part in path for part in streams):
                continue
            answer = door.send(method, path, {})
            assert {n: answer.headers.get(n) for n in FIXED} == FIXED, (method, path)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        refused = door.send("GET", "/", {"Host": "rebound.example"})
        assert {n: refused.headers.get(n) for n in FIXED} == FIXED

    def test_no_directive_names_a_host(self, door: Behind) -> None:
        policy = door.send("GET", "/", {}).headers["content-security-policy"]
        assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
        for directive in policy.split(";"):
            for source in directive.split()[1:]:
                assert source in ("data:", "blob:") or source.startswith("'"), directive

    def test_scripts_in_the_page_have_its_number_which_changes(self, door: Behind) -> None:
        numbers = set()
        for _ in range(2):
            answer = door.send("GET", "/", {"Accept-Encoding": "br, gzip"})
            (number,) = re.findall(
                r"'nonce-([\w-]{24})'", answer.headers["content-security-policy"]
            )
            scripts = re.findall(r"<script\b[^>]*>", answer.text)
            assert scripts and all(f'nonce="{number}"' in script for script in scripts)
            numbers.add(number)
        assert len(numbers) == 2

    def test_a_title_cannot_become_a_script_of_the_page(self, door: Behind) -> None:
        (document,) = door.library.list()
        door.library.rename(document.id, "<script>alert(1)</script>")
        assert "<script nonce" in door.send("GET", "/", {}).text
        assert "alert(1)" not in door.send("GET", "/", {}).text
        door.library.rename(document.id, document.title)


class TestBodies:
    @pytest.mark.parametrize(
        "path", ["/gradio_api/queue/join", "/gradio_api/run/predict", "/login"]
    )
    def test_a_large_one_is_refused_by_what_it_says(self, door: Behind, path: str) -> None:
        body = json.dumps({"data": ["x" * (1 << 21)]}).encode()
        answer = door.send("POST", path, {"Content-Type": "application/json"}, content=body)
        assert answer.status_code == 413 and "limit" in answer.json()["detail"]

    def test_a_large_one_in_pieces_is_counted(self, door: Behind) -> None:
        head = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\n'
        form = {"Content-Type": "multipart/form-data; boundary=b"}
        for path in ("/gradio_api/queue/join", "/gradio_api/upload"):
            pieces = (head if n == 0 else b"x" * (1 << 16) for n in range(40))
            answer = door.send("POST", path, form, content=pieces)
            assert answer.status_code == 413, path
        assert not list((door.library.settings.home / "uploads").rglob("a.txt"))

    def test_a_file_up_to_the_limit_is_taken(self, door: Behind) -> None:
        for size, status in (((1 << 20) - 1, 200), ((1 << 20) + (1 << 17), 413)):
            files = {"files": ("book.txt", b"x" * size)}
            answer = door.send("POST", "/gradio_api/upload", {}, files=files)
            assert answer.status_code == status, size
