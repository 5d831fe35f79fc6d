"""Moves what was kept of the old version of a document to the new one: quotes, pages, sources.

What is no longer in the text stays as a quote without a link: it covers no characters, and its page
says that it is of an earlier version.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from copy import copy
from typing import Any

from app.revision.places import Places
from app.storage.store import Reading, Store
from ingest.pages import PageIndex

EARLIER = " (earlier version)"

Kept = Mapping[str, Any]
"""A place as chats and notes store it, with its pages."""


class Mover:
    """Moves places of one old reading to the new one."""

    def __init__(self, store: Store, old: Reading, new: Reading) -> None:
        self._store = store
        before, after = store.text(old.text_id), store.text(new.text_id)
        self._segments, self._new_segments = store.segments(old), store.segments(new)
        self.places = Places(
            before.text,
            after.text,
            [(s.start, s.end) for s in self._segments],
            [(s.start, s.end) for s in self._new_segments],
        )
        self._old_starts = {page.number: (page.start, page.end) for page in before.pages}
        self._pages = PageIndex(after.pages)
        self._segment_starts = [segment.start for segment in self._new_segments]

    def for_reading(self, old: Reading) -> Mover:
        """The same for another reading of the same old text, which has other segments."""
        other = copy(self)
        other._segments = self._store.segments(old)
        return other

    def evidence(self, kept: Kept) -> Kept:
        """A sentence with the place where it stands now, or without one where it is gone."""
        start, end = int(kept["start"]), int(kept["end"])
        if start == end:  # gone in a version before this one; perhaps it is back
            place = self.places.words(str(kept["text"]))
            end += len(str(kept["text"]))
        else:
            place = self.places.sentence(start, end)
        if place is None:
            return self._gone(kept, start)
        return {**kept, **self._inside(place, place + end - start)}

    def source(self, kept: Kept) -> Kept:
        """A part of the text that was looked at; its number and chapter are those of today."""
        at = int(kept["segment"])
        start = self._segments[at].start if at < len(self._segments) else 0
        text = str(kept["text"])
        place = self.places.sentence(start, start + len(text))
        if place is None:
            gone = self._gone(kept, start)
            return {name: gone[name] for name in kept}
        moved = self._inside(place, place + len(text))
        return {**kept, **{name: moved[name] for name in kept if name in moved}}

    def told(self, sentence: Kept) -> dict[str, Any]:
        """A sentence of a summary, whose chapter is as before, with the numbers of its pages."""
        first, last = (
            self._old_starts.get(int(sentence[name]), (0, 1))
            for name in ("page_first", "page_last")
        )
        begin, end = self.places.nearest(first[0]), self.places.nearest(last[1] - 1)
        numbers = self._pages.at(begin).number, self._pages.at(max(begin, end)).number
        return {**sentence, "page_first": numbers[0], "page_last": numbers[1]}

    def noted(self, cited: Kept) -> Kept:
        """A citation of the notebook; one without words of the text names pages only."""
        start, end = int(cited["start"]), int(cited["end"])
        if start != end or str(cited["label_last"]).endswith(EARLIER):
            moved = self.evidence(cited)
        else:
            near = self.places.nearest(start)
            moved = {**self._inside(near, near + 1), "end": near}
        return {name: moved.get(name, value) for name, value in cited.items()}

    def _gone(self, kept: Kept, start: int) -> dict[str, Any]:
        """A place that is no longer in the text, near to where it would be."""
        near = self._inside(self.places.nearest(start), self.places.nearest(start) + 1)
        first, last = str(kept.get("label_first", "")), str(kept.get("label_last", ""))
        if not last.endswith(EARLIER):
            first = last + EARLIER if first == last else first
            last += EARLIER
        labels = {"label_first": first, "label_last": last}
        return {**kept, **near, "start": 0, "end": 0, **labels}

    def _inside(self, start: int, end: int) -> dict[str, Any]:
        """What is stored of the characters start <= c < end of the new text."""
        first, last = self._pages.of(start, end)
        at = max(0, bisect_right(self._segment_starts, start) - 1)
        return {
            "start": start,
            "end": end,
            "segment": at,
            "chapter": self._new_segments[at].chapter,
            "page_first": first.number,
            "page_last": last.number,
            "label_first": first.label,
            "label_last": last.label,
        }
