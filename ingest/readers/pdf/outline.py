"""Chapter marks from a PDF's outline."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pypdf import PdfReader
from pypdf.generic import Destination

from ingest.chapters import Mark
from ingest.readers.pdf.opening import attempt

_MOST_SEARCHED = 64 << 20  # characters, for the titles of the outline
_MOST_TITLE_WORDS = 40
_LONGEST = 200  # characters of an entry that are looked at
_WORD = re.compile(r"\w+")
_NO_NAME = re.compile(
    r"\W{0,3}(?:(?:page|slide|sheet|seite|folie|bookmark|image|scan|img|p)\W{0,3})?"
    r"(?:number|no\.?|nr\.?)?\W{0,3}\d{1,6}\W{0,3}$"
    r"|[^\n]{1,120}\.(?:pdf|docx?|pptx?|xlsx?|indd|qxd|tex|jpe?g|png|tiff?|html?)$",
    re.IGNORECASE,
)


def outline_marks(reader: PdfReader, text: str, starts: list[int], ends: list[int]) -> list[Mark]:
    """Marks at the places of the outline's entries; [] if all of them point to one page."""
    none: list[tuple[str, int, int]] = []
    entries = attempt(lambda: _outline(reader), none)
    pages = {page for _, page, _ in entries}
    if len(pages) < 2 < len(starts) or _names_nothing([title for title, _, _ in entries]):
        return []
    marks: list[Mark] = []
    reached: dict[int, int] = {}
    searched = 0
    for title, page, level in entries:
        start = max(starts[page], reached.get(page, 0))
        searched += ends[page] - start
        if searched > _MOST_SEARCHED:
            break
        place = _place(text, title, start, ends[page], first=page not in reached)
        reached[page] = place
        marks.append(Mark(place, title, level))
    return marks


def _names_nothing(titles: Sequence[str]) -> bool:
    """Whether most entries only count pages or name files, as programs make them by themselves."""
    empty = sum(bool(_NO_NAME.match(title[:_LONGEST])) for title in titles)
    return 2 * empty > len(titles)


def _outline(reader: PdfReader) -> list[tuple[str, int, int]]:
    """(title, page from 0, level from 1) of each outline entry, in order."""
    entries: list[tuple[str, int, int]] = []
    stack: list[tuple[object, int]] = [(item, 1) for item in reversed(reader.outline)]
    while stack:
        item, level = stack.pop()
        if isinstance(item, Destination):
            page = reader.get_destination_page_number(item)
            if page is not None and 0 <= page < len(reader.pages) and item.title:
                entries.append((str(item.title), page, level))
        elif isinstance(item, list):
            stack += [(child, level + 1) for child in reversed(item)]
    return entries


def _place(text: str, title: str, start: int, end: int, *, first: bool) -> int:
    """The offset of ``title`` in the page text[start:end], or else the page's start.

    ``first``: whether no earlier entry is on this page.
    """
    words = _WORD.findall(title)[:_MOST_TITLE_WORDS]
    pattern = r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)" if words else r"(?!)"
    match = re.compile(pattern, re.IGNORECASE).search(text, start, end)
    if match is None:
        return start
    # A short text above the title, such as "CHAPTER 1" above "Loomings", is part of the heading.
    above = text[start : match.start()].strip()
    return start if first and len(above) < 40 else match.start()
