"""The commands of shelves: tag, untag, ask-shelf."""

from __future__ import annotations

from typing import Annotated

import typer

from app.answering.answers import Evidence
from app.cli.common import Backbone, DocumentId, Json, emit, err, opened, page_range, say
from app.cli.questions import LONGEST_SHOWN, WholeBook
from app.shelf.asking import MOST_ASKED, BookAnswer, ShelfAnswer, ask_shelf
from app.shelf.documents import documents_named, documents_of_tag
from app.storage.store import Document

commands = typer.Typer()

Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Tags, such as a series.")]


@commands.command()
def tag(document_id: DocumentId, names: Names, as_json: Json = False) -> None:
    """Give a document tags; documents of one tag can be asked together."""
    with opened() as library:
        document = library.store.document(document_id)
        library.store.add_tags(document.id, names)
        _show(document, library.store.tags(document.id), as_json=as_json)


@commands.command()
def untag(document_id: DocumentId, names: Names, as_json: Json = False) -> None:
    """Take tags away from a document."""
    with opened() as library:
        document = library.store.document(document_id)
        library.store.remove_tags(document.id, names)
        _show(document, library.store.tags(document.id), as_json=as_json)


def _show(document: Document, tags: list[str], *, as_json: bool) -> None:
    if as_json:
        emit({"id": document.id, "title": document.title, "tags": tags})
    else:
        say(f"{document.id}  {document.title}: {', '.join(tags) or 'no tags'}")


@commands.command(name="ask-shelf")
def ask_documents(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[TAG] QUESTION", help="A tag and a question; without a tag, all documents."
        ),
    ],
    documents: Annotated[
        list[str] | None,
        typer.Option("--document", metavar="ID", help="Ask this document; may be given often."),
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="How many documents are asked, the likeliest first.")
    ] = MOST_ASKED,
    every: Annotated[bool, typer.Option("--every", help="Ask every document; slower.")] = False,
    whole_book: WholeBook = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Ask several documents one question; the likeliest answer comes first."""
    if len(words) > 2:
        raise typer.BadParameter("give a TAG and a QUESTION, each in quotation marks")
    if len(words) == 2 and documents:
        raise typer.BadParameter("give a TAG or --document ID, not both")
    with opened(backbone) as library:
        if len(words) == 2:
            asked = documents_of_tag(library, words[0])
        else:
            asked = documents_named(library, documents) if documents else library.list()
        found = ask_shelf(
            library, asked, words[-1], most=None if every else most, whole_book=whole_book
        )
    emit(found.to_dict()) if as_json else _print(found)


def _print(found: ShelfAnswer) -> None:
    for each in found.answers:
        if each.found:
            _print_book(each)
    silent = [each.title for each in found.answers if not each.found]
    if silent:
        err.print(f"Nothing was found in: {'; '.join(silent)}.", markup=False, soft_wrap=True)
    if not found.answers:
        err.print("No document could be asked.", markup=False)
    for out in found.left_out:
        err.print(f"{out.title}: {out.why}", style="yellow", markup=False, soft_wrap=True)
    if found.not_asked:
        err.print(
            f"{len(found.not_asked)} less likely documents were not asked; ask them with --every.",
            style="dim",
            markup=False,
        )
    err.print(f"{found.seconds:.1f} s", style="dim", markup=False)


def _print_book(each: BookAnswer) -> None:
    answer = each.answer
    say(f"{each.title}: {answer.hedged}")
    for place in answer.evidence[:1]:
        err.print(f"  {_quoted(place)}", style="dim", markup=False, soft_wrap=True)
    sure = f"  {answer.confidence_word}, confidence {answer.confidence:.2f}"
    err.print(sure, style="dim", markup=False)
    if each.note:
        err.print(f"  {each.note}", style="yellow", markup=False, soft_wrap=True)


def _quoted(place: Evidence) -> str:
    text = " ".join(place.text.split()).strip('"\u201c\u201d')
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
    return f'p. {page_range(place)}: "{shown}"'
