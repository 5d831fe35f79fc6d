"""What a shelf answers, as HTML: a book a block, with its sentence as a link into the text."""

from __future__ import annotations

from html import escape

from app.shelf.asking import BookAnswer, ShelfAnswer
from app.shelf.in_line import Progress
from app.storage.store import Message
from app.ui.texts import bubble, note

ASK_ALL = "“Ask every book” asks all of them."
MOST_NAMED = 12  # titles in one line


def shelf_html(found: ShelfAnswer, *, is_made: bool) -> str:
    """The answers by book, the likeliest first; the books that say nothing are named at the end.

    is_made: nothing more comes.
    """
    answered = [each for each in found.answers if each.found]
    parts = [_book(each) for each in answered]
    silent = [each.title for each in found.answers if not each.found]
    if silent:
        parts.append(note(f"Nothing was found in {_named(silent)}."))
    parts += [note(f"{out.title}: {out.why}", "warning") for out in found.left_out]
    if is_made and found.not_asked:
        count = len(found.not_asked)
        others = "One less likely book was" if count == 1 else f"{count} less likely books were"
        parts.append(note(f"{others} not asked; {ASK_ALL}"))
    if is_made and not found.answers and not found.left_out:
        parts.append(note("There is no book to ask here.", "warning"))
    return "".join(parts)


def _book(each: BookAnswer) -> str:
    """A book's title and its answer, as a chat shows one."""
    shown = each.answer.to_dict()
    message = Message(
        "assistant",
        each.answer.answer,
        each.answer.confidence,
        shown["sources"],
        shown["evidence"],
        word=each.answer.confidence_word,
        reading_id=each.reading_id,
    )
    return (
        f'<div class="bs-summary bs-shelf"><h4>{escape(each.title)}</h4>'
        f"<div>{bubble(message)}</div>{note(each.note, 'warning')}</div>"
    )


def _named(titles: list[str]) -> str:
    """Titles in one line; of very many the first, and how many more there are."""
    shown = "; ".join(titles[:MOST_NAMED])
    more = len(titles) - MOST_NAMED
    return f"{shown}; and {more} more" if more > 0 else shown


def progress_words(now: Progress, books: int) -> str:
    """What is being done, in a sentence."""
    if now.waits:
        return "Waiting for its turn …"
    if not now.asking:
        return f"Looking where {books} books speak of this …"
    return f"Asking {now.asking} ({now.number} of {now.of}) …"
