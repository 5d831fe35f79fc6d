"""People and places as JSON, for the command line and for programs."""

from __future__ import annotations

from typing import Any

from app.people.who import Everybody, Named


def people_json(found: Everybody) -> dict[str, Any]:
    """What `people --json` prints."""
    return {
        "people": [named_json(named) for named in found.people],
        "places": [named_json(named) for named in found.places],
    }


def named_json(named: Named) -> dict[str, Any]:
    """One person or place."""
    return {
        "name": named.name,
        "variants": [variant for variant, _ in named.variants],
        "mentions": named.mentions,
        "chapters": [number for number, _ in named.chapters],
        "first_page": named.first_page,
        "quotes": [
            {"text": quote.text, "page_first": quote.page_first, "chapter": quote.chapter}
            for quote in named.quotes
        ],
    }
