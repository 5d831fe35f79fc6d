"""What a visitor may ask for before the login: the page that asks for it, and its parts."""

from __future__ import annotations

OPEN_PATHS = frozenset(
    {
        "/",
        "/login",
        "/login/",
        "/theme.css",
        "/gradio_api/theme.css",
        "/favicon.ico",
        "/manifest.json",
        "/robots.txt",
        "/gradio_api/startup-events",  # the server asks itself for it when it starts
    }
)
OPEN_FOLDERS = ("/assets/", "/static/", "/svelte/")


def is_open(path: str) -> bool:
    """True for a path that answers without a login; everything else needs one."""
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and ".." not in path)
