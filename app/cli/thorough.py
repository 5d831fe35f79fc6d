"""`ask --thorough`: the short answer, a line for each place, and the counts."""

from __future__ import annotations

from app.answering.answers import Evidence
from app.answering.items import ThoroughAnswer
from app.cli.common import emit, err, page_range, say
from app.cli.progress import counting_bar
from app.library import Library
from app.state_reader import Scope


def print_thorough(
    library: Library, document_id: str, question: str, scope: Scope, *, as_json: bool
) -> None:
    """Ask every segment of the scope and print the list."""
    with counting_bar(err, "Asking every page") as on_rows:
        found = library.ask_thoroughly(document_id, question, scope, on_rows)
    if as_json:
        emit(found.to_dict())
        return
    say(found.answer.answer)
    for item in found.items:
        for place in item.evidence:
            say(_line(item.answer, place, guessed=found.guessed))
    err.print(_counts(found), style="dim", markup=False, soft_wrap=True)


def _line(answer: str, place: Evidence, *, guessed: bool) -> str:
    mark = " (guess)" if guessed else ""
    return f'  {answer}{mark}, p. {page_range(place)}: "{" ".join(place.text.split())}"'


def _counts(found: ThoroughAnswer) -> str:
    answer = found.answer
    return (
        f"{answer.confidence_word}, confidence {answer.confidence:.2f}; {found.places} places in "
        f"{found.chapters} chapters, {found.asked} segments asked, {answer.seconds:.1f} s"
    )
