"""A Hugging Face hub on this computer that huggingface_hub itself talks to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import huggingface_hub.constants as constants
import pytest

Commits = dict[str, dict[str, bytes]]


class FakeHub:
    """One repository: its commits, oldest first, each a folder of files."""

    def __init__(self, repository: str, commits: Commits) -> None:
        self.repository, self.commits = repository, commits
        self.stated: dict[str, str] = {}  # hashes that the hub states wrongly
        self.asked: list[str] = []

    def info(self, revision: str) -> dict[str, object] | None:
        """What the hub says about a commit, a beginning of which names it."""
        commit = list(self.commits)[-1] if revision in ("", "main") else revision
        if commit not in self.commits:
            return None
        files = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": hashlib.sha1(data).hexdigest(),
                **({"lfs": self._lfs(name, data)} if name.endswith(".safetensors") else {}),
            }
            for name, data in self.commits[commit].items()
        ]
        return {"id": self.repository, "sha": commit, "siblings": files}

    def tree(self, commit: str) -> list[dict[str, object]]:
        """The files of a commit, as another route tells them."""
        return [
            {
                "type": "file",
                "path": name,
                "size": len(data),
                "oid": hashlib.sha1(data).hexdigest(),
            }
            for name, data in self.commits[commit].items()
        ]

    def _lfs(self, name: str, data: bytes) -> dict[str, object]:
        sha256 = self.stated.get(name, hashlib.sha256(data).hexdigest())
        return {"sha256": sha256, "size": len(data), "pointerSize": 134}


@contextmanager
def served(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub at an address of this computer, which huggingface_hub takes for the real one."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.asked.append(self.path)
            path = self.path.partition("?")[0]
            api = f"/api/models/{hub.repository}"
            if path == api or path.startswith(f"{api}/revision/"):
                info = hub.info(path.removeprefix(api).removeprefix("/revision/"))
                self.answer(json.dumps(info).encode() if info else None)
            elif path.startswith(f"{api}/tree/"):
                self.answer(json.dumps(hub.tree(path.rpartition("/")[2])).encode())
            else:
                commit, _, name = path.removeprefix(f"/{hub.repository}/resolve/").partition("/")
                self.answer(hub.commits.get(commit, {}).get(name), commit)

        def answer(self, data: bytes | None, commit: str = "") -> None:
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.send_header("Content-Type", "application/json")
            if data is not None and commit:
                self.send_header("X-Repo-Commit", commit)
                self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        def log_message(self, *_: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
