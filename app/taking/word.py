"""What is taken along as a Word document (DOCX), with real headings, lists and quotes."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

from app.taking.taken import Entry, Taken

if TYPE_CHECKING:
    from docx.document import Document

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def word(taken: Taken) -> bytes:
    """The file's bytes."""
    import docx  # takes a while, and most commands do not need it

    made = docx.Document()
    properties = made.core_properties
    properties.title, properties.author = _clean(taken.title)[:255], _clean(taken.author)[:255]
    properties.subject, properties.comments = taken.what, ""
    made.add_heading(_clean(taken.title), 0)
    line = f"{taken.author} - {taken.what}" if taken.author else taken.what
    made.add_paragraph(_clean(line), "Subtitle")
    for section in taken.sections:
        made.add_heading(_clean(section.title), section.level)
        for entry in section.entries:
            _write(made, entry)
    out = BytesIO()
    made.save(out)
    return out.getvalue()


def _write(made: Document, entry: Entry) -> None:
    if entry.sentences:
        said = " ".join(f"{_line(s.text)} ({s.short})" for s in entry.sentences)
        made.add_paragraph(_clean(said))
    elif entry.text:
        made.add_paragraph(_clean(entry.text), "List Bullet" if entry.is_item else None)
    for quote in entry.quotes:
        made.add_paragraph(_clean(f"“{_bare(quote.text)}” ({quote.pages})"), "Quote")
    if entry.remark:
        paragraph = made.add_paragraph()
        paragraph.add_run("Note: ").bold = True
        paragraph.add_run(_clean(entry.remark))


def _line(text: str) -> str:
    return " ".join(text.split())


def _bare(text: str) -> str:
    """A sentence on one line without quotation marks around it: it is put into some."""
    return _line(text).strip('"\u201c\u201d')


def _clean(text: str) -> str:
    """Text without characters that no XML file may have."""
    return _NOT_XML.sub(" ", text)
