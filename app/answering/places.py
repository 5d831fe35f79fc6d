"""Where the sentences under an answer stand in the document."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.answering.answers import Evidence
from app.answering.evidence import Sentence
from app.storage.store import Reading, Store
from ingest.book import Chapter
from ingest.pages import PageIndex

_GAP = re.compile(r"\n[^\S\n]*+\n\s*+")  # between paragraphs
_ROOM = 2  # times the length of a title: where a heading may stand, with its marks and lines


def placed(store: Store, reading: Reading, best: Sequence[Sentence]) -> list[Evidence]:
    """Sentences with their places in the document, without the headings that they begin with.

    A piece that is nothing but a heading is left out, unless there is nothing else.
    """
    if not best:
        return []
    segments = store.some_segments(reading, {s.segment for s in best})
    pages = PageIndex(store.pages(reading))
    chapters = store.chapters(reading)
    found, headings = list[Evidence](), list[Evidence]()
    for sentence in best:
        segment = segments[sentence.segment]
        raw = sentence.text
        start = segment.start + sentence.start + len(raw) - len(raw.lstrip())
        text = raw.strip()
        skipped = _heading(text, start, chapters[segment.chapter - 1])
        bare = skipped == len(text)
        if not bare:
            start, text = start + skipped, text[skipped:]
        first, last = pages.of(start, start + len(text))
        (headings if bare else found).append(
            Evidence(
                text=text,
                start=start,
                end=start + len(text),
                segment=sentence.segment,
                chapter=segment.chapter,
                page_first=first.number,
                page_last=last.number,
                label_first=first.label,
                label_last=last.label,
                weight=round(sentence.weight, 4),
            )
        )
    return found or headings


def _heading(text: str, start: int, chapter: Chapter) -> int:
    """Characters of the paragraphs with which a text begins that are its chapter's heading.

    start: of the text in the document.
    """
    title = "" if chapter.made_up else _letters(chapter.title)
    end, passed = 0, ""
    while title and end < len(text) and start + end <= chapter.start + _ROOM * len(chapter.title):
        gap = _GAP.search(text, end)
        passed += _letters(text[end : gap.start() if gap else len(text)])
        if not passed or passed not in title:
            break
        end = gap.end() if gap else len(text)
    return end


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
