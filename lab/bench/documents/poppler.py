"""What poppler's `pdftotext` reads from a PDF: the lines of each page, with their places."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.errors import InvalidSetting

_SECONDS = 120
_PAGE = re.compile(r'<page width="([\d.]+)" height="([\d.]+)"')
_LINE = re.compile(r'<line xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)"')
_WORD = re.compile(r"<word [^>]*>(.*)</word>")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page; ``top`` and ``bottom`` are shares of the page's height, from its top."""

    text: str
    top: float
    bottom: float


def check_poppler() -> None:
    """Raise InvalidSetting where poppler is not installed."""
    if shutil.which("pdftotext") is None:
        raise InvalidSetting(
            "PDFs are compared with poppler's pdftotext, which is not installed; install it, e.g."
            " with `apt-get install poppler-utils`."
        )


def pages_of(path: Path) -> list[list[Line]] | None:
    """The lines of each page in reading order; None where poppler cannot read the file."""
    try:
        made = subprocess.run(
            ["pdftotext", "-enc", "UTF-8", "-bbox-layout", str(path), "-"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if made.returncode != 0:
        return None
    return _parsed(made.stdout.decode("utf-8", "replace"))


def _parsed(marked: str) -> list[list[Line]]:
    # Not by an XML parser: poppler leaves control characters in, which XML forbids.
    pages: list[list[Line]] = []
    height, place, words = 1.0, (0.0, 0.0), list[str]()
    for row in marked.split("\n"):
        if found := _WORD.search(row):
            words.append(html.unescape(found[1]))
        elif found := _LINE.search(row):
            place, words = (float(found[2]) / height, float(found[4]) / height), []
        elif "</line>" in row and words:
            pages[-1].append(Line(" ".join(words), *place))
        elif found := _PAGE.search(row):
            height = float(found[2]) or 1.0
            pages.append([])
    return pages
