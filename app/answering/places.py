"""Where the sentences under an answer stand in the document."""

from __future__ import annotations

from collections.abc import Sequence

from app.answering.answers import Evidence
from app.answering.evidence import Sentence
from app.storage.store import Reading, Store
from ingest.pages import PageIndex


def placed(store: Store, reading: Reading, best: Sequence[Sentence]) -> list[Evidence]:
    """Sentences with their places in the document."""
    if not best:
        return []
    segments = store.some_segments(reading, {s.segment for s in best})
    pages = PageIndex(store.pages(reading))
    found = []
    for sentence in best:
        segment = segments[sentence.segment]
        raw = sentence.text
        start = segment.start + sentence.start + len(raw) - len(raw.lstrip())
        text = raw.strip()
        first, last = pages.of(start, start + len(text))
        found.append(
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
    return found
