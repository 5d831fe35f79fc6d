"""What every response says: what the page may load, who may show it, and how cookies travel."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import Scope

# No directive names a foreign host, so a page that was tampered with cannot send anything away.
POLICY = {
    "default-src": "'none'",
    # Inline scripts need the number of this response (`nonces.py`); handlers in markup never run.
    # 'unsafe-eval': Gradio's HTML component, of which the page has many, fills its templates with
    # `new Function`; without it the page stays empty.
    "script-src": "'self' 'nonce-{nonce}' 'unsafe-eval'",
    # 'unsafe-inline': Gradio's components and Plotly set sizes and colours as `style` attributes.
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",  # icons in Gradio's stylesheets; Plotly's pictures
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
}

FIXED = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_ATTRIBUTES = re.compile(r";\s*(samesite\s*=\s*\w+|httponly)\s*(?=;|$)", re.IGNORECASE)
_READERS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")


def policy(nonce: str) -> str:
    """The content policy of a response whose scripts have this number."""
    said = "; ".join(f"{name} {sources}" for name, sources in POLICY.items())
    return said.replace("{nonce}", nonce)


def dress(headers: MutableHeaders, allowed_origin: str | None, nonce: str) -> None:
    """Set what every response says.

    allowed_origin: the foreign page that may read this response. nonce: of its scripts.
    """
    for name in _READERS:
        del headers[name]
    headers.update(FIXED)
    headers["Content-Security-Policy"] = policy(nonce)
    headers.add_vary_header("Origin")
    if allowed_origin:
        headers["Access-Control-Allow-Origin"] = allowed_origin
    cookies = headers.getlist("set-cookie")
    if cookies:
        del headers["set-cookie"]
        for cookie in cookies:
            headers.append("set-cookie", confined(cookie))


def without(scope: Scope, name: bytes) -> Scope:
    """The request without one of its headers; name: in lower case."""
    kept = [(header, value) for header, value in scope["headers"] if header != name]
    return {**scope, "headers": kept}


def confined(cookie: str) -> str:
    """A `Set-Cookie` that neither scripts nor requests of other sites get."""
    return f"{_ATTRIBUTES.sub('', cookie)}; SameSite=Lax; HttpOnly"
