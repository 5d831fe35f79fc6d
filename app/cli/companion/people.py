"""The command `people`: who and what is in a document, from its text."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import DocumentId, Json, emit, err, opened, say
from app.cli.companion.taking import Out, write_out
from app.cli.questions import WholeBook
from app.people.as_json import people_json
from app.people.stored import people_of
from app.people.who import Named
from app.position import scope_for
from app.state_reader import Scope
from app.taking.contents import people_taken

commands = typer.Typer()

MOST_SHOWN = 25  # people, and places; --json has more
LONGEST_SHOWN = 200  # characters of a sentence


@commands.command()
def people(
    document_id: DocumentId,
    as_of_chapter: Annotated[int | None, typer.Option(help="The book up to here.")] = None,
    whole_book: WholeBook = False,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """List the people and places of a document, with where they stand and telling sentences."""
    with opened() as library:
        document = library.store.document(document_id)
        asked = Scope(as_of_chapter=as_of_chapter)
        scope = scope_for(library, document, asked, whole_book=whole_book)
        found = people_of(library, document, scope)
        if out is not None:
            write_out(library, people_taken(document, found), out)
    if found.note:
        err.print(found.note, style="yellow", markup=False, soft_wrap=True)
    if out is not None:
        return
    if as_json:
        emit(people_json(found))
        return
    for heading, listed in (("People", found.people), ("Places", found.places)):
        if listed:
            say(heading)
        for named in listed[:MOST_SHOWN]:
            _print(named)
    if not found.people and not found.places:
        err.print("No names were found in this text.", style="dim")


def _print(named: Named) -> None:
    others = [variant for variant, _ in named.variants if variant != named.name]
    also = f" ({', '.join(others)})" if others else ""
    say(f"  {named.name}{also}: {named.mentions} times, first on p. {named.first_label}")
    for quote in named.quotes[:1]:
        text = " ".join(quote.text.split())
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
        err.print(f'    p. {quote.label}: "{shown}"', style="dim", markup=False, soft_wrap=True)
