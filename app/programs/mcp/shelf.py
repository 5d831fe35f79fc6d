"""The tool `ask_shelf`: one question to several documents."""

from __future__ import annotations

from anyio.to_thread import run_sync
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidArgument
from app.library import Stopped
from app.programs.callers import Caller
from app.programs.citations import with_pages
from app.programs.questions import AnswerFailed, StoppedEarly
from app.shelf.asking import MOST_ASKED, ShelfAnswer
from app.shelf.documents import documents_named, documents_of_tag
from app.shelf.in_line import ShelfFailed, Shelving
from app.storage.store import Document

MOST_NAMED = 100  # documents


class AskShelf(BaseModel):
    """A question to several documents."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(
        description="A short question that stands by itself: names instead of pronouns."
    )
    tag: str | None = Field(
        None, description="Ask the documents of this tag, as list_documents gives them."
    )
    documents: list[str] | None = Field(
        None,
        max_length=MOST_NAMED,
        description="Ask these documents, by id or title; without tag and documents, all.",
    )
    most: int = Field(
        MOST_ASKED, ge=1, le=MOST_NAMED, description="How many are asked, the likeliest first."
    )


def chosen(caller: Caller, given: AskShelf) -> list[Document]:
    """The documents that a call names. Raises UnknownTag, UnknownDocument, InvalidArgument."""
    if given.tag is not None and given.documents:
        raise InvalidArgument("Give 'tag' or 'documents', not both.")
    if given.tag is not None:
        return documents_of_tag(caller.library, given.tag)
    if given.documents:
        return documents_named(caller.library, given.documents)
    return caller.library.list()


async def answered(caller: Caller, given: AskShelf) -> ShelfAnswer:
    """What the shelf answers. Raises REFUSALS and AnswerFailed."""
    documents = await run_sync(chosen, caller, given)
    asked = given.question, caller.visitor
    shelving = Shelving(caller.library, caller.line, documents, *asked, most=given.most)
    try:
        return await shelving.all()
    except Stopped as error:
        raise StoppedEarly("The answer was stopped on the server; ask again.") from error
    except ShelfFailed as error:
        raise AnswerFailed from error


def as_text(found: ShelfAnswer) -> str:
    """Answers by document for a program that shows nothing but text."""
    parts = [f"{each.title}: {with_pages(each.answer)}" for each in found.answers if each.found]
    silent = [each.title for each in found.answers if not each.found]
    if silent:
        parts.append(f"Nothing was found in: {'; '.join(silent)}.")
    parts += [f"{out.title}: {out.why}" for out in found.left_out]
    if found.not_asked:
        titles = "; ".join(document.title for document in found.not_asked[:MOST_NAMED])
        parts.append(f"Not asked, because less likely: {titles}.")
    return "\n\n".join(parts) or "There is no document to ask."
