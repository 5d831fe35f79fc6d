"""Pages of a PDF as the read tab shows them: pictures with what is cited marked on them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from app.pictures.shown import ShownPage
from app.ui.texts import note, shortened
from ingest.pictures.page import SCALE, Box

NOT_MARKED = (
    "The cited words were not found on the picture of this page; choose “Text” to see them marked."
)
NOT_DRAWN = "This page is damaged and cannot be shown; choose “Text” to read what is known of it."
_LONGEST = 300  # characters of a citation that are told to those who do not see it


def pane_html(inside: str, label: str) -> str:
    """What is read, as a region that can be reached and turned with the keyboard."""
    return (
        f'<div class="bs-pane" role="region" tabindex="0" aria-label="{escape(label)}; '
        f'turn with the left and right arrow keys">{inside}</div>'
    )


def sheets_html(title: str, chapter: str, pages: Sequence[ShownPage], cited: str = "") -> str:
    """Pages one below the other; cited: the words that are marked, or empty."""
    marked = any(page.boxes for page in pages)
    drawn = any(page.picture for page in pages)
    said = note(NOT_MARKED, "warning") if cited and drawn and not marked else ""
    sheets = "".join(_sheet(title, page, cited) for page in pages)
    names = " and ".join(page_name(page) for page in pages)
    heading = f'<h3 class="bs-title">{escape(chapter)}</h3>'
    return pane_html(f"{heading}{said}{sheets}", f"{names} of {title}")


def page_name(page: ShownPage) -> str:
    """ "page 12", by its printed label; "page 7 of the file" for one without text."""
    return f"page {page.label}" if page.label else f"page {page.number} of the file, without text"


def _sheet(title: str, page: ShownPage, cited: str) -> str:
    name = page_name(page)
    caption = f'<figcaption class="bs-note">{escape(name[:1].upper() + name[1:])}</figcaption>'
    if page.picture is None:
        return f'<figure class="bs-sheet">{note(NOT_DRAWN, "warning")}{caption}</figure>'
    said = f"Picture of {name} of {title}"
    if page.boxes:
        said = f"{said}; marked: {shortened(cited, _LONGEST)}"
    data = b64encode(page.picture.picture).decode("ascii")
    boxes = "".join(_box(box) for box in page.boxes)
    return (
        f'<figure class="bs-sheet"><div class="bs-drawn"><img alt="{escape(said)}" '
        f'width="{page.picture.width}" height="{page.picture.height}" '
        f'src="data:image/jpeg;base64,{data}">{boxes}</div>{caption}</figure>'
    )


def _box(box: Box) -> str:
    """A mark in per cent of the page, so that it stays in its place at any size."""
    left, top = 100 * box.left / SCALE, 100 * box.top / SCALE
    width, height = 100 * (box.right - box.left) / SCALE, 100 * (box.bottom - box.top) / SCALE
    return (
        f'<mark style="left:{left:.2f}%;top:{top:.2f}%;width:{width:.2f}%;height:{height:.2f}%">'
        "</mark>"
    )
