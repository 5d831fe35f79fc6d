"""Words and small pieces of HTML. Whatever comes from a book or a visitor is escaped here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from app.answering.answers import CLOSEST, NOT_FOUND
from app.answering.confidence import words_of
from app.cli.progress import pace_text
from app.library import ReadProgress
from app.storage.store import BOOK, Document, Job, Message, Reading, Summary
from app.summaries.condensed import how_made
from app.summaries.key_passages import Passage
from app.summaries.shown import Showing, Shown
from app.ui.acts import acts, passage_acts
from ingest.book import Chapter

SENTENCE = "Read a book once, keep its memory state, ask for ever."
EXPLANATION = (
    "Each book is read once and remembered, on this computer; answers and summaries come from that "
    "memory, with the sentences that they rest on."
)
WORDS = {"sure": "sure", "likely": "likely", "guess": "a guess"}
PASSAGES = "These passages come closest:"
IN_OTHER_WORDS = "In the model's words; who does what to whom is often wrong:"
LONGEST_CHIP = 70  # characters of an earlier question
QUOTES = 3  # sentences shown where nothing was found
LONGEST_QUOTE = 400  # characters
_PARTS = re.compile(r"(\w+)")
NO_DOCUMENTS = "Drop a book to begin."
SHORT_TITLE = 5  # "I", "XVII": a number alone would not be understood
NOT_OPEN = "No document is open. Choose one in the library, or above."
MEMORY_NAMES = {"adaptive": "adaptive MELODI", "melodi": "MELODI", "infini": "Infini"}
PART_NAMES = {
    "slots": "kept slots",
    "address": "addresses",
    "carry": "carried memory",
    "snapshot": "chapter snapshots",
}


def size(count: float) -> str:
    """ "3.4 MB"."""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:.0f} bytes"


def ratio(document: Document) -> str:
    """How much smaller the state is than the KV cache of the same text."""
    reading = document.reading
    if not reading.ready or not reading.state_bytes:
        return ""
    return f"1/{reading.kv_cache_bytes / reading.state_bytes:.0f}"


def status(document: Document, job: Job | None, progress: ReadProgress | None) -> str:
    """Where the reading of a document stands, in a few words."""
    if document.ready:
        return "ready"
    done = f"{document.reading.segments_done}/{document.reading.segments}"
    if job is None or job.status == "cancelled":
        return f"stopped at {done}"
    if job.status == "failed":
        return f"failed at {done}"
    if job.status == "running" and progress:
        done = f"{progress.segments_done}/{progress.segments}"
        return f"reading {done}, {pace_text(progress)}"
    return {"queued": f"waiting, {done}", "cancelling": f"stopping, {done}"}.get(
        job.status, f"reading {done}"
    )


def reading_name(reading: Reading) -> str:
    """ "adaptive MELODI, smollm2, 3.4 MB, 2026-11-30"."""
    memory = MEMORY_NAMES.get(reading.memory, reading.memory)
    weight = size(reading.state_bytes) if reading.ready else "not finished"
    return f"{memory}, {reading.backbone}, {weight}, {reading.created_at[:10]}"


def pages(source: Mapping[str, Any]) -> str:
    """ "page 37" or "pages 37-39", by printed labels where there are any."""
    first = str(source.get("label_first") or source["page_first"])
    last = str(source.get("label_last") or source["page_last"])
    return f"page {first}" if first == last else f"pages {first}\u2013{last}"


def shortened(text: str, longest: int) -> str:
    """The text as one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def note(text: str, kind: str = "quiet") -> str:
    """A line of plain text as HTML; kind is quiet, good or warning."""
    return f'<p class="bs-note bs-{kind}">{escape(text)}</p>' if text else ""


def progress_html(document: Document, job: Job | None, progress: ReadProgress | None) -> str:
    """A bar with what the reading of one document is doing."""
    reading = document.reading
    done = progress.segments_done if progress else reading.segments_done
    share = 100 * done / max(1, reading.segments)
    words = status(document, job, progress)
    if job is not None and job.status == "failed":
        words = f"{words}: {job.error}"
    elif document.ready:
        words = f"ready, {size(reading.state_bytes)} of memory, read in {reading.seconds:.0f} s"
    return (
        f'<div class="bs-reading"><div class="bs-title">{escape(document.title)}</div>'
        f'<div class="bs-bar"><div style="width:{share:.1f}%"></div></div>'
        f'<div class="bs-note">{escape(words)}</div></div>'
    )


def bubble(message: Message) -> str:
    """A message as HTML; an answer with how sure it is, and the sentence that it is from."""
    text = escape(message.text)
    if message.role == "user":
        return f"{text}{about_html(message.about)}" if message.about else text
    if not message.evidence:
        return text
    if message.text in (NOT_FOUND, PASSAGES):
        quotes = "".join(_quote(e, "", message.reading_id) for e in message.evidence[:QUOTES])
        lead = text if message.text == PASSAGES else f"{text} {CLOSEST}"
        looked = f" (Looked for in {message.looked} parts.)" if message.looked else ""
        return f"{lead}{looked}{quotes}"
    if message.items:
        return f"{text}{items_html(message.items, message.reading_id)}"
    word = message.word or "guess"
    said = f"Perhaps: {text}" if word == "guess" else text
    place = escape(pages(message.evidence[0]))
    first = _quote(message.evidence[0], message.text, message.reading_id)
    looked = f", looked for in {message.looked} parts" if message.looked else ""
    return f'{said} <span class="bs-sure">({WORDS[word]}, {place}{looked})</span>{first}'


def items_html(items: Sequence[Mapping[str, Any]], reading_id: str = "") -> str:
    """A list of answers in the order of the book, each with the sentences that it is from."""
    rows = []
    for item in items:
        places = item["evidence"]
        count = f" ({item['count']} times)" if item["count"] > 1 else ""
        where = ", ".join(dict.fromkeys(pages(place) for place in places))
        quotes = "".join(_quote(place, str(item["answer"]), reading_id) for place in places)
        rows.append(
            f"<details><summary><b>{escape(str(item['answer']))}</b>{count} "
            f"<small>{escape(where)}</small></summary>{quotes}</details>"
        )
    return f'<div class="bs-items">{"".join(rows)}</div>'


def about_html(question: str) -> str:
    """A chip that says which earlier question the next one follows."""
    return f'<span class="bs-chip">about: {escape(shortened(question, LONGEST_CHIP))}</span>'


def waiting_html(question: str) -> str:
    """A question that waits for the answer to the one before it."""
    return f'{escape(question)} <span class="bs-chip">waits for its turn</span>'


def _quote(evidence: Mapping[str, Any], answer: str, reading_id: str) -> str:
    """A sentence with the answer's words marked, and its page as a link into the text."""
    line = shortened(_plain_quote(evidence), LONGEST_QUOTE)
    words = set(words_of(answer))
    parts = (
        f"<mark>{escape(part)}</mark>" if part.lower() in words else escape(part)
        for part in _PARTS.split(line)
    )
    return (
        f"<blockquote>“{''.join(parts)}” <small>{_cited(evidence, reading_id)}</small></blockquote>"
    )


def _cited(place: Mapping[str, Any], reading_id: str) -> str:
    """The pages of a place; a link to it where it is known which reading it is from.

    A place that a new version of the document no longer has covers no text.
    """
    words = escape(pages(place))
    if not reading_id or place.get("start", 0) == place.get("end", 0):
        return words
    span = f"{int(place['start'])}-{int(place['end'])}"
    return f'<a href="#read={escape(reading_id)}:{span}">{words}</a>'


def _passage(place: Mapping[str, Any], reading_id: str) -> str:
    """Links to copy and keep a sentence."""
    if "start" not in place:
        return acts()
    return passage_acts(reading_id, int(place["start"]), int(place["end"]))


def _plain_quote(evidence: Mapping[str, Any]) -> str:
    """A sentence as one line without quotation marks around it: it is shown in some."""
    return " ".join(str(evidence["text"]).split()).strip('"\u201c\u201d')


def evidence_html(message: Message, chapters: Sequence[Chapter]) -> str:
    """How sure an answer is, its sentences, and the pages where they were looked for."""
    if message.confidence is None and not message.sources:
        return ""
    parts = [] if message.confidence is None else [_confidence(message.confidence)]
    if message.evidence:
        quotes = (
            f"<li>“{escape(_plain_quote(e))}” "
            f'<span class="bs-place">{_cited(e, message.reading_id)}</span> '
            f"{_passage(e, message.reading_id)}</li>"
            for e in message.evidence
        )
        parts.append(f'<ol class="bs-quotes">{"".join(quotes)}</ol>')
    first = not message.evidence
    if message.sources:
        parts.append('<div class="bs-title">Pages that were looked at</div>')
    parts += [
        _source(source, chapters, is_first=first and i == 0)
        for i, source in enumerate(message.sources)
    ]
    return "".join(parts)


def _confidence(confidence: float) -> str:
    """What a confidence means: it was fitted to the share of answers that were right."""
    right = min(max(round(10 * confidence), 1), 9)
    words = f"About {right} of 10 answers like this one are right."
    return f'<div class="bs-confidence">{words}</div>'


def _source(source: Mapping[str, Any], chapters: Sequence[Chapter], *, is_first: bool) -> str:
    number = int(source["chapter"])
    title = chapters[number - 1].title if 0 < number <= len(chapters) else str(number)
    title = title if len(title) > SHORT_TITLE else f"chapter {title}"
    text = escape(str(source["text"]).strip())
    return (
        f'<details class="bs-source"{" open" if is_first else ""}><summary>'
        f'<span class="bs-place">{escape(pages(source))}</span>'
        f'<span class="bs-chapter">{escape(title)}</span></summary>'
        f'<div class="bs-text">{text}</div></details>'
    )


def summaries_html(
    document: Document,
    chapters: Sequence[Chapter],
    made: Mapping[int, Summary],
    showing: Showing,
    read_to: int | None = None,
    since: int = 0,
) -> str:
    """The book's summary, then every chapter with its summary and its key passages.

    read_to: how far its reader is; the story so far then stands for the book's summary. since: only
    the chapters after this one that were read are shown.
    """
    finished = [n for n, c in enumerate(chapters, 1) if read_to is None or c.end <= read_to]
    last = finished[-1] if finished else 0
    whole = made.get(BOOK if read_to is None else -last)
    title = "The book" if read_to is None else f"The story so far, to the end of chapter {last}"
    link = _PageLinks(document.reading.id, showing)
    work = [n for n in finished if chapters[n - 1].matter == "main"]
    told = [made[n] for n in work if n in made]
    keep = f"summary:{document.id}:{whole.chapter}" if whole else ""
    shown = showing.show(whole, work) if whole else None
    quotes = _key_passages(shown.passages if shown else (), document.reading.id)
    blocks = [
        _summary(title, shown, link, keep, quotes) + (note(how_made(whole, told)) if whole else "")
    ]
    for number, chapter in enumerate(chapters, start=1):
        title = f"{number}. {chapter.title}"
        if chapter.matter != "main":
            continue  # nobody asks for the summary of a licence
        if since and (number <= since or number not in finished):
            continue
        if number not in finished:
            blocks.append(_summary(title, None, link, missing="you have not finished it yet"))
            continue
        found = made.get(number)
        quotes = _key_passages(showing.chapter_passages(number), document.reading.id)
        keep = f"summary:{document.id}:{number}"
        shown = showing.show(found) if found else None
        blocks.append(_summary(title, shown, link, keep, quotes))
    heading = f'<div class="bs-title">{escape(document.title)}</div>'
    return heading + "".join(blocks if finished and not since else blocks[1:])


class _PageLinks:
    """Links from a sentence of a summary to the pages that it was made from."""

    def __init__(self, reading_id: str, showing: Showing) -> None:
        self._reading_id = reading_id
        self._starts, self._labels = showing.starts, showing.labels

    def __call__(self, sentence: Mapping[str, Any]) -> str:
        first, last = int(sentence["page_first"]), int(sentence["page_last"])
        start = self._starts.get(first)
        if start is None:
            return ""
        shown = self._labels[first]
        if last != first and last in self._labels:
            shown = f"{shown}–{self._labels[last]}"
        place = f"#read={escape(self._reading_id)}:{start}-{start}"
        return f' <a class="bs-cite" href="{place}">p.&nbsp;{escape(shown)}</a>'


def _summary(
    title: str,
    shown: Shown | None,
    link: _PageLinks,
    keep: str = "",
    quotes: str = "",
    missing: str = "not summarised yet",
) -> str:
    """Key passages first, since they are true; what the model made of the chapter below them."""
    if shown is None or not shown.summary:
        body = f'<div class="bs-note">{missing}</div>'
    elif shown.sentences:
        told = " ".join(f"{escape(str(s['text']))}{link(s)}" for s in shown.sentences)
        body = f'<div class="bs-text">{told}</div>'
    else:
        body = f'<div class="bs-text">{escape(shown.summary)}</div>'
    is_told = shown is not None and bool(shown.summary)
    warning = f'<div class="bs-note">{IN_OTHER_WORDS}</div>' if is_told else ""
    links = acts(keep) if is_told else ""
    return (
        f'<div class="bs-summary"><h4>{escape(title)}</h4>{quotes}{warning}'
        f'<div class="bs-told">{body}{links}</div></div>'
    )


def _key_passages(passages: Sequence[Passage], reading_id: str) -> str:
    """Sentences quoted from a chapter, each with a link to where it stands."""
    rows = "".join(
        f"<li>“{escape(p.text)}” "
        f'<a class="bs-cite" href="#read={escape(reading_id)}:{p.start}-{p.end}">'
        f"p.&nbsp;{escape(p.label_first)}</a> {passage_acts(reading_id, p.start, p.end)}</li>"
        for p in passages
    )
    if not rows:
        return ""
    return (
        '<details class="bs-passages" open>'
        "<summary>Key passages, word for word</summary>"
        f'<ul class="bs-quotes">{rows}</ul></details>'
    )


def facts_html(facts: Mapping[str, str]) -> str:
    """Names and values as a two-column list."""
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    return f'<table class="bs-facts">{rows}</table>'


def chapter_choices(chapters: Sequence[Chapter]) -> list[tuple[str, int]]:
    """Chapters as a dropdown shows them."""
    return [(f"{n}. {c.title[:80]}", n) for n, c in enumerate(chapters, start=1)]
