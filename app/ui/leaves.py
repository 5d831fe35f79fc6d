"""The text of a document as the read tab shows it: one leaf after the other, never too long."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from ingest.book import Chapter, Page
from ingest.cuts import even_cuts
from ingest.pages import PageIndex

LONGEST = 20_000  # characters of a leaf; a chapter of more has several
MOST_FOUND = 100
SHORTEST_SEARCH = 2  # characters
AROUND = 60  # characters shown on each side of what was found
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part of one chapter, text[start:end]; ``ends_chapter`` if it is the chapter's last."""

    start: int
    end: int
    chapter: int
    ends_chapter: bool


def leaves_of(text: str, chapters: Sequence[Chapter]) -> list[Leaf]:
    """The leaves of a text, in order: chapters, and long ones in even parts."""
    leaves: list[Leaf] = []
    for number, chapter in enumerate(chapters, start=1):
        part = text[chapter.start : chapter.end]
        cuts = even_cuts(part, LONGEST) if len(part) > LONGEST else []
        edges = [chapter.start, *(chapter.start + cut for cut in cuts), chapter.end]
        leaves += [Leaf(a, b, number, b == chapter.end) for a, b in pairwise(edges)]
    return leaves


def leaf_at(leaves: Sequence[Leaf], place: int) -> Leaf:
    """The leaf that holds a place of the text."""
    at = bisect_right([leaf.start for leaf in leaves], max(place, 0)) - 1
    return leaves[max(at, 0)]


def leaf_html(
    leaf: Leaf,
    title: str,
    text: str,
    pages: Sequence[Page],
    marked: tuple[int, int] | None = None,
) -> str:
    """A leaf as HTML: paragraphs, the numbers of the pages that begin in it, and a marked span."""
    inserts = [(page.start - leaf.start, page.label) for page in pages]
    span = (marked[0] - leaf.start, marked[1] - leaf.start) if marked else None
    blocks: list[str] = []
    start = 0
    for gap in [*_PARAGRAPH.finditer(text), None]:
        end = gap.start() if gap else len(text)
        if text[start:end].strip() or any(start <= at < end for at, _ in inserts):
            blocks.append(f"<p>{_paragraph(text, start, end, inserts, span)}</p>")
        start = gap.end() if gap else end
    return f'<h3 class="bs-title">{escape(title)}</h3><div class="bs-leaf">{"".join(blocks)}</div>'


def _paragraph(
    text: str,
    start: int,
    end: int,
    inserts: Sequence[tuple[int, str]],
    span: tuple[int, int] | None,
) -> str:
    labels = {at: label for at, label in inserts if start <= at < end}
    edges = {start, end, *labels}
    if span:
        edges |= {place for place in span if start < place < end}
    parts = []
    for a, b in pairwise(sorted(edges)):
        if a in labels:
            parts.append(f'<span class="bs-page" title="page">{escape(labels[a])}</span>')
        words = escape(text[a:b])
        inside = span is not None and span[0] <= a and b <= span[1]
        parts.append(f"<mark>{words}</mark>" if inside and words.strip() else words)
    return "".join(parts)


def matches_in(text: str, wanted: str) -> list[tuple[int, int]]:
    """Where a phrase stands in a text, in any case and with any spaces; at most 101 places."""
    pattern = r"\s+".join(re.escape(word) for word in wanted.split())
    found: list[tuple[int, int]] = []
    for match in re.finditer(pattern, text, re.IGNORECASE):
        found.append(match.span())
        if len(found) > MOST_FOUND:
            break
    return found


def matches_html(
    reading_id: str,
    text: str,
    pages: Sequence[Page],
    found: Sequence[tuple[int, int]],
    wanted: str,
) -> str:
    """The places that were found, each a link to where it stands."""
    if not found:
        return f'<p class="bs-note">“{escape(wanted)}” is not in what may be shown.</p>'
    index = PageIndex(pages)
    rows = []
    for start, end in found[:MOST_FOUND]:
        page = index.at(start)
        before = escape(" ".join(text[max(0, start - AROUND) : start].split()))
        after = escape(" ".join(text[end : end + AROUND].split()))
        rows.append(
            f'<li><a href="#read={reading_id}:{start}-{end}">page {escape(page.label)}</a> '
            f"…{before} <b>{escape(text[start:end])}</b> {after}…</li>"
        )
    more = f"more than {MOST_FOUND}" if len(found) > MOST_FOUND else str(len(found))
    return f"<details open><summary>{more} found</summary><ol>{''.join(rows)}</ol></details>"
