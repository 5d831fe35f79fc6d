"""The tools that assistants may call. Each is a description, its arguments, and a function.

A further tool is one more entry of `TOOLS`.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import InvalidArgument
from app.people.as_json import people_json
from app.people.stored import people_of
from app.position import position_of
from app.programs.callers import Caller
from app.programs.citations import with_pages
from app.programs.mcp.shelf import AskShelf, answered, as_text
from app.programs.passages import LONGEST, passage
from app.state_reader import Scope
from app.storage.store import BOOK, Document, Summary
from app.summaries.shown import Showing, Shown
from app.summaries.summarizer import told_chapters

_NAMED = "The id or the title of a document, as list_documents gives them."


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool answers: text for a model, and the same as JSON."""

    text: str
    value: dict[str, Any]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NoArguments(_Arguments):
    """Nothing."""


class Ask(_Arguments):
    """A question."""

    document: str = Field(description=_NAMED)
    question: str = Field(
        description="A short question that stands by itself: names instead of pronouns, one thing "
        "at a time. Who, what, where and when are answered best."
    )
    chapter: int | None = Field(None, ge=1, description="Ask this chapter alone.")
    as_of_chapter: int | None = Field(
        None, ge=1, description="Ask the book up to the end of this chapter, to spoil nothing."
    )


class Summarize(_Arguments):
    """A summary."""

    document: str = Field(description=_NAMED)
    chapter: int | None = Field(
        None, ge=1, description="This chapter alone; without it, the book as far as it was read."
    )
    length: Literal["sentence", "paragraph", "page"] = Field(
        "page", description="How long; of key passages as many as so many sentences."
    )


class People(_Arguments):
    """A list of people."""

    document: str = Field(description=_NAMED)
    most: int = Field(30, ge=1, le=200, description="How many people and places at most.")


class Passage(_Arguments):
    """A range of pages or of chapters."""

    document: str = Field(description=_NAMED)
    first_page: str | int | None = Field(
        None, description="The printed number of the first page, as answers name it."
    )
    last_page: str | int | None = Field(None, description="Of the last page; else one page.")
    first_chapter: int | None = Field(None, ge=1, description="Instead of pages: a chapter.")
    last_chapter: int | None = Field(None, ge=1, description="The last chapter; else one.")
    skip: int = Field(0, ge=0, description="Characters to leave out: next_skip of the last call.")


async def list_documents(caller: Caller, _: NoArguments) -> Told:
    """All documents of the account."""
    value = {"documents": await run_sync(_listed, caller)}
    return Told(json.dumps(value, ensure_ascii=False, indent=1), value)


def _listed(caller: Caller) -> list[dict[str, Any]]:
    store = caller.library.store
    tags = store.tags_of_all()
    return [
        {
            "id": document.id,
            "title": document.title,
            "author": document.author,
            "chapters": len(store.chapters(document.reading)),
            "pages": store.page_count(document.reading),
            "ready": document.ready,
            "read_to": _read_to(caller, document),
            "tags": tags.get(document.id, []),
        }
        for document in caller.library.list()
    ]


def _read_to(caller: Caller, document: Document) -> dict[str, Any] | None:
    """How far the document's reader is; None where nothing is kept back."""
    place = position_of(caller.library, document)
    return None if place.chapter is None else {"chapter": place.chapter, "page": place.label}


async def ask(caller: Caller, given: Ask) -> Told:
    """The answer to a question, with the pages that it is from."""
    document = await run_sync(caller.document, given.document)
    asked = Scope(given.chapter, given.as_of_chapter)
    async with caller.asking(document, given.question, asked) as work:
        async with aclosing(work.watch()) as watching:
            async for _ in watching:
                pass
        answer = work.answer
    note = f"\n\n{work.note}" if work.note else ""
    return Told(with_pages(answer) + note, answer.to_dict())


async def ask_shelf(caller: Caller, given: AskShelf) -> Told:
    """What several documents answer, the likeliest first."""
    found = await answered(caller, given)
    return Told(as_text(found), found.to_dict())


async def summarize(caller: Caller, given: Summarize) -> Told:
    """The summary of a chapter, or of the book as far as its reader is, with key passages."""
    document = await run_sync(caller.document, given.document)
    try:
        made = await caller.summing(document).all_for(given.chapter or BOOK)
    finally:
        caller.line.sweep()  # what its client no longer waits for
    shown = await run_sync(_shown, caller, document, made, given.length)
    quoted = "\n".join(f'(page {p.label_first}: "{p.text}")' for p in shown.passages)
    text = f"{shown.title}\n{shown.summary}\n\nKey passages, as they stand in the text:\n{quoted}"
    return Told(text, {"document": document.id, **shown.to_dict()})


def _shown(caller: Caller, document: Document, made: Summary, length: str) -> Shown:
    """A summary in a length, with the passages that matter most in what it tells."""
    told = told_chapters(caller.library, document) if made.chapter <= BOOK else ()
    return Showing(caller.library.store, document, length).show(made, told)


async def read_passage(caller: Caller, given: Passage) -> Told:
    """The text of some pages or chapters."""
    document = await run_sync(caller.document, given.document)
    pages = chapters = None
    if given.first_page is not None:
        last = given.first_page if given.last_page is None else given.last_page
        pages = str(given.first_page), str(last)
    if given.first_chapter is not None:
        chapters = given.first_chapter, given.last_chapter or given.first_chapter
    value = await run_sync(
        lambda: passage(caller.library, document, pages=pages, chapters=chapters, skip=given.skip)
    )
    left = value["characters_left"]
    more = f"\n\n({left} more characters; go on with skip {value['next_skip']}.)" if left else ""
    return Told(value["text"] + more, value)


async def list_people(caller: Caller, given: People) -> Told:
    """Who is in a document and which places, as far as its reader is."""
    document = await run_sync(caller.document, given.document)
    value = people_json(await run_sync(people_of, caller.library, document))
    lines = [
        f"{named['name']} ({named['mentions']} times, first on page {named['first_page']})"
        for named in value["people"][: given.most]
    ]
    value = {kind: found[: given.most] for kind, found in value.items()}
    return Told("\n".join(lines) or "No people were found.", value)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool; `arguments` is the model of what it takes."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    call: Callable[[Caller, Any], Awaitable[Told]]
    writes: bool = False  # something that was not there is stored

    @property
    def schema(self) -> dict[str, Any]:
        """What it takes, as a JSON schema."""
        return self.arguments.model_json_schema()

    async def answer(self, caller: Caller, given: dict[str, Any] | None) -> Told:
        """What it answers. Raises REFUSALS, Stopped and AnswerFailed."""
        try:
            arguments = self.arguments.model_validate(given or {})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            why = f"{name!r} cannot be used: {first['msg'][:1].lower()}{first['msg'][1:]}."
            raise InvalidArgument(why) from error
        return await self.call(caller, arguments)


TOOLS = (
    Tool(
        "list_documents",
        "List documents",
        "List the documents of the library: id, title, author, how many chapters and pages, "
        "whether a document is ready to be asked, its tags, and how far its reader is: no tool "
        "tells what stands behind that place.",
        NoArguments,
        list_documents,
    ),
    Tool(
        "ask",
        "Ask a document",
        "Ask a question about a document. The answer is short, from the document alone, and names "
        "the page and the sentence it is from, and how sure it is (sure, likely, guess). What the "
        "document does not say is not answered.",
        Ask,
        ask,
    ),
    Tool(
        "ask_shelf",
        "Ask several documents",
        "Ask one question of all documents of a tag, of some documents, or of the whole library. "
        "All are looked at quickly, and the few that speak of it most are asked, each by itself; "
        "the likeliest answer comes first, each with document, page and sentence. Each document "
        "answers as far as its reader is.",
        AskShelf,
        ask_shelf,
    ),
    Tool(
        "summarize",
        "Summarize",
        "Summarize a chapter, or the book as far as its reader has read it, with key passages "
        "quoted from the text, which are the surer half. A summary is kept; "
        "one that has to be made takes seconds for each page, so a whole book takes long. "
        "Summaries may be wrong in details; check them with passage.",
        Summarize,
        summarize,
        writes=True,
    ),
    Tool(
        "people",
        "List people",
        "List the people and the places of a document, most mentioned first, with other forms of "
        "their names, the chapters they are in, and sentences that introduce them. Made from the "
        "text by rules for English; only as far as the document's reader is.",
        People,
        list_people,
    ),
    Tool(
        "passage",
        "Read a passage",
        "Read the text itself: one page, a range of pages, or chapters; give first_page or "
        f"first_chapter. At most {LONGEST} characters at once.",
        Passage,
        read_passage,
    ),
)
