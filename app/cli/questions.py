"""Commands that answer from a state: ask and summarize."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any

import typer

from app.answering.answers import Answer
from app.cli.common import Backbone, DocumentId, Json, emit, err, opened, say
from app.cli.progress import reading_bar
from app.cli.thorough import print_thorough
from app.errors import InvalidQuestion
from app.library import Library
from app.state_reader import Scope

commands = typer.Typer()

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
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Ask every page and list all answers; slow.")
    ] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Answer a question from a document's state."""
    if (question is None) == (questions is None):
        raise typer.BadParameter("give either a QUESTION or --questions FILE")
    if thorough and question is None:
        raise typer.BadParameter("--thorough takes one QUESTION, not a file of them")
    with opened(backbone) as library:
        scope = Scope(chapter=chapter, as_of_chapter=as_of_chapter)
        if questions is not None:
            _ask_file(library, document_id, questions, scope, as_json=as_json)
            return
        assert question is not None
        if thorough:
            print_thorough(library, document_id, question, scope, as_json=as_json)
            return
        stream = library.ask(document_id, question, scope)
        for piece in stream:
            if not as_json:
                sys.stdout.write(piece)
                sys.stdout.flush()
        answer = library.answer(document_id, stream)
        if as_json:
            emit(answer.to_dict())
        else:
            _finish_line(library, answer)
        _warn(stream.note)


def _ask_file(
    library: Library, document_id: str, file: Path, scope: Scope, *, as_json: bool
) -> None:
    note = ""
    for asked in _parse_questions(file):
        stream = library.ask(document_id, str(asked["question"]), scope)
        for _ in stream:
            pass
        answer = library.answer(document_id, stream)
        if as_json:
            emit({"id": asked.get("id"), **answer.to_dict()})
        else:
            say(f"{asked['question']}\n  {answer.answer}")
        note = stream.note
    _warn(note)


def _warn(note: str) -> None:
    if note:
        err.print(note, style="yellow", markup=False, soft_wrap=True)


def _parse_questions(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_text("utf-8-sig").split("\n")  # other line ends may stand inside JSON
    except UnicodeDecodeError as error:
        raise InvalidQuestion(f"{file.name} is not UTF-8 text; save it as UTF-8.") from error
    return [
        _parse_question(line, f"{file.name}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def _parse_question(line: str, where: str) -> dict[str, Any]:
    try:
        asked = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidQuestion(f"{where} is not JSON ({error}); write one object a line.") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("question"), str):
        raise InvalidQuestion(f'{where} has no text under "question"; write {{"question": "..."}}.')
    return asked


def _finish_line(library: Library, answer: Answer) -> None:
    say("" if answer.supported else f" {answer.notice}")
    for place in answer.evidence[:3] or answer.sources[:3]:
        pages = place.label_first
        if place.label_last != place.label_first:
            pages += f"-{place.label_last}"
        text = " ".join(place.text.split())
        shown = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
        err.print(f'  p. {pages}: "{shown}"', style="dim", markup=False, soft_wrap=True)
    sure = f"{answer.confidence_word}, confidence {answer.confidence:.2f}, {answer.seconds:.1f} s"
    err.print(sure, style="dim", markup=False)


@commands.command()
def summarize(
    document_id: DocumentId,
    chapter: Annotated[int | None, typer.Option(help="One chapter.")] = None,
    chapters: Annotated[bool, typer.Option("--chapters", help="Every chapter.")] = False,
    book: Annotated[
        bool, typer.Option("--book", help="The whole book (and its chapters).")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Anew, in place of what was made before.")
    ] = False,
    backbone: Backbone = None,
    as_json: Json = False,
) -> None:
    """Summarise from the state; what was made before is not made again without --again."""
    if (chapter is not None) + chapters + book > 1:
        raise typer.BadParameter("give one of --chapter N, --chapters, --book")
    from app.summaries import Summarizer  # its splitter takes a second to import

    with opened(backbone) as library, reading_bar(err, "Summarising") as on_progress:
        summarizer = Summarizer(library, again=again)
        document = library.store.document(document_id)
        whole = None
        if chapter is not None:
            made = [summarizer.chapter(document, chapter)]
        else:
            made = list(summarizer.chapters(document, on_progress))
            whole = None if chapters else summarizer.book(document)
        _warn(library.scope_note(document, Scope(chapter=chapter)))
        if as_json:
            summaries = [
                {"chapter": s.chapter, "title": s.title, "summary": s.summary} for s in made
            ]
            emit({"summaries": summaries, "book": whole.summary if whole else None})
            return
        for s in made:
            say(f"{s.chapter}. {s.title}\n{indent(s.summary, '   ')}\n")
        if whole:
            say(f"The book\n{indent(whole.summary, '   ')}")
