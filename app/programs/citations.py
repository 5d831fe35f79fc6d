"""Answers as text with their pages, for programs that show nothing but text."""

from __future__ import annotations

from app.answering.answers import CLOSEST, NO_ANSWER, NOT_FOUND, Answer, Evidence, Source

LONGEST_SHOWN = 300  # characters of a sentence
MOST_CLOSEST = 3  # passages that are shown where nothing was found
_BEFORE = "\n\n(page"  # where an answer ends and its pages begin


def with_pages(answer: Answer) -> str:
    """The answer, where it is from, and how sure it is."""
    return answer.answer + tail(answer)


def tail(answer: Answer) -> str:
    """What follows an answer's text: the page with its sentence, and how sure the answer is."""
    places = answer.evidence or answer.sources
    if answer.answer == NOT_FOUND:
        shown = "\n".join(_place(place) for place in answer.evidence[:MOST_CLOSEST])
        return f" {CLOSEST}\n\n{shown}" if shown else ""
    if not answer.answer:
        return answer.notice
    where = f"\n\n{_place(places[0])}" if places else ""
    doubt = f" {answer.notice}" if answer.notice else ""
    return f"{where}\n\nConfidence: {answer.confidence_word}.{doubt}"


def without_pages(text: str) -> str:
    """What an earlier answer said, without what `tail` put behind it; empty for no answer."""
    said = text.partition(_BEFORE)[0].strip()
    return "" if said.startswith((NOT_FOUND, NO_ANSWER)) else said


def _place(place: Evidence | Source) -> str:
    one = place.label_first == place.label_last
    pages = f"page {place.label_first}" if one else f"pages {place.label_first}-{place.label_last}"
    text = " ".join(place.text.split()).strip('"“”')
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return f'({pages}: "{shown}")'
