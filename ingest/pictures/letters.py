"""What remains of a text when only its letters and digits count.

A sentence and the page that it is printed on differ in spaces, line ends, hyphens and ligatures,
and these are no letters. So both are compared in this form.
"""

from __future__ import annotations

from unicodedata import normalize


def bare_letters(text: str) -> str:
    """The letters and digits of a text without case and accents; a ligature is its letters."""
    if text.isascii():
        return "".join(filter(str.isalnum, text.casefold()))
    return "".join(filter(str.isalnum, normalize("NFKD", text.casefold())))
