"""Commands that answer from a document's memory: ask and summarize."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from app.answering.answers import NOT_FOUND, Answer
from app.cli.common import Backbone, DocumentId, Json, emit, err, opened, page_range, say
from app.cli.companion.taking import Out, write_out
from app.cli.progress import reading_bar
from app.cli.question_file import ask_file
from app.cli.thorough import print_thorough
from app.position import scope_for
from app.state_reader import Scope
from app.storage.store import BOOK
from app.summaries.condensed import how_made
from app.summaries.key_passages import LENGTHS
from app.summaries.shown import Showing, Shown
from app.taking.contents import summaries_taken

commands = typer.Typer()

WholeBook = Annotated[
    bool, typer.Option("--whole-book", help="Also what lies behind the place you have read to.")
]
LONGEST_SHOWN = 300  # characters of a sentence


@commands.command()
def ask(
    document_id: DocumentId,
    question: Annotated[str | None, typer.Argument()] = None,
    questions: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="JSON lines: id, question.")
    ] = None,
    chapter: Annotated[int | None, typer.Option(help="Only this chapter.")] = None,
    as_of_chapter: Annotated[int | None, typer.Option(help="The book up to here.")] = None,
    whole_book: WholeBook = False,
    conversation: Annotated[
        bool,
        typer.Option("--conversation", help="The lines of the file are turns of a conversation."),
    ] = False,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Ask every page and list all answers; slow.")
    ] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Answer a question about a document."""
    if (question is None) == (questions is None):
        raise typer.BadParameter("give either a QUESTION or --questions FILE")
    if thorough and question is None:
        raise typer.BadParameter("--thorough takes one QUESTION, not a file of them")
    if conversation and questions is None:
        raise typer.BadParameter("--conversation takes --questions FILE, whose lines are its turns")
    with opened(backbone) as library:
        asked_for = Scope(chapter=chapter, as_of_chapter=as_of_chapter)
        document = library.store.document(document_id)
        scope = scope_for(library, document, asked_for, whole_book=whole_book)
        if questions is not None:
            note = ""
            asked = ask_file(library, document_id, questions, scope, conversation=conversation)
            for line, stream in asked:
                answer = library.answer(document_id, stream)
                if as_json:
                    about = {"about": stream.after.question if stream.after else None}
                    more = about if conversation else {}
                    emit({"id": line.get("id"), **answer.to_dict(), **more})
                else:
                    say(f"{line['question']}\n  {answer.hedged}")
                note = stream.note
            _warn(note)
            return
        assert question is not None
        if thorough:
            print_thorough(library, document_id, question, scope, as_json=as_json)
            return
        stream = library.ask(document_id, question, scope)
        for _ in stream:
            pass
        answer = library.answer(document_id, stream)
        emit(answer.to_dict()) if as_json else _print(answer)
        _warn(stream.note)


def _warn(note: str) -> None:
    if note:
        err.print(note, style="yellow", markup=False, soft_wrap=True)


def _print(answer: Answer) -> None:
    say(answer.hedged)
    for place in answer.evidence[:3] or answer.sources[:3]:
        text = " ".join(place.text.split()).strip('"\u201c\u201d')
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
        err.print(f'  p. {page_range(place)}: "{shown}"', style="dim", markup=False, soft_wrap=True)
    sure = f"{answer.confidence_word}, confidence {answer.confidence:.2f}, "
    said = "" if answer.answer == NOT_FOUND else sure
    err.print(f"{said}{answer.seconds:.1f} s", style="dim", markup=False)


@commands.command()
def summarize(
    document_id: DocumentId,
    chapter: Annotated[int | None, typer.Option(help="One chapter.")] = None,
    chapters: Annotated[bool, typer.Option("--chapters", help="Every chapter.")] = False,
    book: Annotated[
        bool, typer.Option("--book", help="The whole book (and its chapters).")
    ] = False,
    so_far: Annotated[
        bool, typer.Option("--so-far", help="The story up to where you are (see `position`).")
    ] = False,
    since: Annotated[
        int | None,
        typer.Option(help="The chapters after this one, up to where you are (see `position`)."),
    ] = None,
    length: Annotated[str, typer.Option(help=f"{', '.join(LENGTHS)}.")] = "page",
    style: Annotated[str, typer.Option(help="prose or bullets.")] = "prose",
    whole_book: WholeBook = False,
    again: Annotated[
        bool, typer.Option("--again", help="Make summaries again and replace the stored ones.")
    ] = False,
    backbone: Backbone = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Summarise a document; a summary that is stored is not made again without --again."""
    if (chapter is not None) + (since is not None) + chapters + book + so_far > 1:
        raise typer.BadParameter("give one of --chapter N, --chapters, --book, --so-far, --since N")
    if so_far and whole_book:
        raise typer.BadParameter("--so-far and --whole-book contradict each other")
    from app.summaries.summarizer import Summarizer  # its splitter takes a second to import
    from app.summaries.wanted import chapters_since

    with opened(backbone) as library, reading_bar(err, "Summarising") as on_progress:
        summarizer = Summarizer(library, again=again, whole_book=whole_book)
        document = library.store.document(document_id)
        showing = Showing(library.store, document, length, style)
        whole = None
        if chapter is not None:
            made = [summarizer.chapter(document, chapter)]
        elif since is not None:
            numbers = chapters_since(library, document, since, whole_book=whole_book)
            made = list(summarizer.each(document, numbers, on_progress))
        else:
            made = list(summarizer.chapters(document, on_progress))
            whole = None if chapters else summarizer.book(document)
        asked = scope_for(library, document, Scope(chapter=chapter), whole_book=whole_book)
        _warn(library.scope_note(document, asked))
        _warn(how_made(whole, made) if whole else "")
        shown = [showing.show(summary) for summary in made]
        book_shown = showing.show(whole, [s.chapter for s in made]) if whole else None
        if out is not None:
            every = [*([book_shown] if book_shown else []), *shown]
            write_out(library, summaries_taken(document, every, showing.labels), out)
            return
        if as_json:
            emit(
                {
                    "summaries": [each.to_dict() for each in shown],
                    "book": book_shown.summary if book_shown else None,
                }
            )
            return
        for each in shown:
            _print_summary(f"{each.chapter}. {each.title}", each)
        if whole and book_shown:
            _print_summary("The book" if whole.chapter == BOOK else whole.title, book_shown)


def _print_summary(title: str, shown: Shown) -> None:
    quoted = "\n".join(f"“{p.text}” (p. {p.label_first})" for p in shown.passages)
    said = f"   In the model's words:\n{indent(shown.summary, '   ')}\n" if shown.summary else ""
    say(f"{title}\n{indent(quoted, '   > ')}\n{said}")
