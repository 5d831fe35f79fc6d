"""Chats, summaries, people and notes, put together to be taken along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.answering.answers import CLOSEST, NOT_FOUND
from app.people.who import Everybody, Named
from app.storage.store import Document, Message, Note
from app.summaries.shown import Shown
from app.taking.taken import Cited, Entry, Section, Taken

QUOTES = 3  # sentences under an answer
NOTE_TITLES = {"answer": "Answer", "passage": "Passage", "summary": "Summary", "note": "Note"}


def chat_taken(document: Document, messages: Sequence[Message]) -> Taken:
    """One chat: each question, its answer, and the sentences under it."""
    return _taken(document, "Chat", _turns(messages, 1))


def chats_taken(document: Document, chats: Iterable[tuple[str, Sequence[Message]]]) -> Taken:
    """Several chats, each with its title."""
    sections: list[Section] = []
    for title, messages in chats:
        sections += [Section(title), *_turns(messages, 2)]
    return _taken(document, "Chats", sections)


def summaries_taken(document: Document, shown: Sequence[Shown], labels: Mapping[int, str]) -> Taken:
    """Summaries, each sentence with its pages, and the key passages of each chapter.

    labels: what is printed on each page, by its number.
    """
    sections = []
    for each in shown:
        said = tuple(_told(sentence, labels) for sentence in each.sentences)
        quotes = tuple(
            Cited(p.text, p.page_first, p.page_last, p.label_first, p.label_last)
            for p in each.passages
        )
        entry = Entry("" if said else each.summary, said, quotes)
        title = f"{each.chapter}. {each.title}" if each.chapter else each.title
        sections.append(Section(title, (entry,)))
    return _taken(document, "Summaries", sections)


def people_taken(document: Document, found: Everybody) -> Taken:
    """People and places, with how often they are named, and telling sentences."""
    sections = [
        Section(title, tuple(_named(named) for named in listed))
        for title, listed in (("People", found.people), ("Places", found.places))
        if listed
    ]
    return _taken(document, "People and places", sections)


def notes_taken(document: Document, notes: Iterable[Note]) -> Taken:
    """The notebook: what was kept, where it stands, and what the reader wrote beside it."""
    sections = [Section(note.question or NOTE_TITLES[note.kind], (_note(note),)) for note in notes]
    return _taken(document, "Notebook", sections)


def answer_text(message: Message) -> str:
    """An answer as people read it: a guess says that it is one."""
    if message.text == NOT_FOUND and message.evidence:
        return f"{NOT_FOUND} {CLOSEST}"
    is_guess = message.word == "guess" and message.evidence and message.text != NOT_FOUND
    return f"Perhaps: {message.text}" if is_guess and not message.items else message.text


def _taken(document: Document, what: str, sections: Iterable[Section]) -> Taken:
    return Taken(document.title, document.author, what, tuple(sections))


def _turns(messages: Sequence[Message], level: int) -> Iterator[Section]:
    question, entries = "", list[Entry]()
    for message in messages:
        if message.role == "user":
            if question or entries:
                yield Section(question, tuple(entries), level)
            question, entries = message.text, []
            continue
        quotes = tuple(Cited.of(place) for place in message.evidence[:QUOTES])
        entries.append(Entry(answer_text(message), quotes=() if message.items else quotes))
        for item in message.items:
            places = tuple(Cited.of(place) for place in item["evidence"])
            entries.append(Entry(str(item["answer"]), quotes=places, is_item=True))
    if question or entries:
        yield Section(question, tuple(entries), level)


def _told(sentence: Mapping[str, Any], labels: Mapping[int, str]) -> Cited:
    first, last = sentence["page_first"], sentence["page_last"]
    printed = {"label_first": labels.get(first, ""), "label_last": labels.get(last, "")}
    return Cited.of({**sentence, **printed})


def _named(named: Named) -> Entry:
    others = [variant for variant, _ in named.variants if variant != named.name]
    also = f" (also {', '.join(others)})" if others else ""
    times = "once" if named.mentions == 1 else f"{named.mentions:,} times"
    pages = Cited("", named.first_page, named.last_page, named.first_label, named.last_label).pages
    quotes = tuple(
        Cited(" ".join(q.text.split()), q.page_first, q.page_first, q.label, q.label)
        for q in named.quotes
    )
    return Entry(f"{named.name}{also}: {times}, {pages}", quotes=quotes)


def _note(note: Note) -> Entry:
    cited = tuple(Cited.of(place) for place in note.citations)
    if note.kind == "passage" and cited:
        return Entry(quotes=cited, remark=note.remark)
    if note.kind in ("summary", "note") and cited:
        return Entry(sentences=cited, remark=note.remark)
    return Entry(note.text, quotes=cited, remark=note.remark)
