"""Plain text as EPUB and as PDF, so that reading a whole novel can be measured in each format."""

from __future__ import annotations

import io
import textwrap
import zipfile
from collections.abc import Iterator, Sequence
from html import escape

from ingest.book import Chapter

LINES_A_PAGE, CHARACTERS_A_LINE = 44, 78
_CONTAINER = (
    '<?xml version="1.0"?><container version="1.0" '
    'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
    'full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def make_epub(title: str, text: str, chapters: Sequence[Chapter]) -> bytes:
    """An EPUB 3 with one file a chapter and a nav document."""
    bodies = []
    for chapter in chapters:
        paragraphs = text[chapter.start : chapter.end].split("\n\n")
        shown = "".join(f"<p>{escape(p)}</p>" for p in paragraphs if p.strip())
        bodies.append((chapter.title, shown))
    return epub_of_bodies(title, bodies)


def epub_of_bodies(title: str, bodies: Sequence[tuple[str, str]]) -> bytes:
    """An EPUB 3 of chapters, each a title and the XHTML of its body."""
    names = [f"c{number}.xhtml" for number in range(len(bodies))]
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(names)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(names)))
    links = "".join(
        f'<li><a href="{name}">{escape(chapter)}</a></li>'
        for name, (chapter, _) in zip(names, bodies, strict=True)
    )
    package = (
        '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'unique-identifier="u"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="u">bench</dc:identifier><dc:title>{escape(title)}</dc:title>'
        "<dc:language>en</dc:language></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
        f"{items}</manifest><spine>{spine}</spine></package>"
    )
    nav = f'<nav epub:type="toc" xmlns:epub="http://www.idpf.org/2007/ops"><ol>{links}</ol></nav>'
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "book.opf": package,
        "nav.xhtml": _xhtml(nav),
    }
    for name, (_, body) in zip(names, bodies, strict=True):
        members[name] = _xhtml(body)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            member = zipfile.ZipInfo(name)  # dated 1980: the same book gives the same bytes
            is_first = name == "mimetype"
            member.compress_type = zipfile.ZIP_STORED if is_first else zipfile.ZIP_DEFLATED
            archive.writestr(member, body)
    return out.getvalue()


def _xhtml(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>book</title></head><body>{body}</body></html>"
    )


def make_pdf(title: str, text: str, chapters: Sequence[Chapter]) -> bytes:
    """A PDF in Helvetica with hard line breaks, and an outline entry a chapter.

    Characters outside Windows-1252 are set as question marks: the standard font lacks them.
    """
    pages: list[list[str]] = []
    starts: list[int] = []
    for chapter in chapters:
        starts.append(len(pages))
        lines = list(_lines(text[chapter.start : chapter.end]))
        pages += [lines[i : i + LINES_A_PAGE] for i in range(0, len(lines), LINES_A_PAGE)]
    return _Pdf().build(title, pages, [(c.title, s) for c, s in zip(chapters, starts, strict=True)])


def pdf_of_pages(
    title: str, pages: Sequence[Sequence[str]], outline: Sequence[tuple[str, int]]
) -> bytes:
    """A PDF of pages of lines, with an outline of titles and their pages, from 0."""
    return _Pdf().build(title, pages, outline)


def _lines(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        if paragraph.strip():
            yield from textwrap.wrap(" ".join(paragraph.split()), CHARACTERS_A_LINE)
            yield ""


class _Pdf:
    """Numbered objects, then the cross-reference table (PDF 32000-1, section 7.5)."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def _add(self, body: str | bytes) -> int:
        self._objects.append(body if isinstance(body, bytes) else body.encode("cp1252", "replace"))
        return len(self._objects)

    def build(
        self, title: str, pages: Sequence[Sequence[str]], outline: Sequence[tuple[str, int]]
    ) -> bytes:
        """Objects 1 to 4 are the catalogue, the page tree, the font and the outline's root."""
        self._objects = [b""] * 4
        page_ids = [self._page(lines) for lines in pages]
        first = len(self._objects) + 1
        for number, (name, page) in enumerate(outline):
            following = f"/Next {first + number + 1} 0 R" if number + 1 < len(outline) else ""
            before = f"/Prev {first + number - 1} 0 R" if number else ""
            self._add(
                f"<</Title ({_text(name)}) /Parent 4 0 R /Dest [{page_ids[page]} 0 R /Fit] "
                f"{following} {before}>>"
            )
        kids = " ".join(f"{i} 0 R" for i in page_ids)
        last = len(self._objects)
        self._objects[:4] = [
            b"<</Type /Catalog /Pages 2 0 R /Outlines 4 0 R>>",
            f"<</Type /Pages /Count {len(page_ids)} /Kids [{kids}]>>".encode(),
            b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding>>",
            f"<</Count {len(outline)} /First {first} 0 R /Last {last} 0 R>>".encode(),
        ]
        info = self._add(f"<</Title ({_text(title)})>>")
        return self._file(info)

    def _page(self, lines: Sequence[str]) -> int:
        shown = "".join(f"({_text(line)}) Tj T*\n" for line in lines)
        content = f"BT /F1 10 Tf 60 780 Td 16 TL\n{shown}ET".encode("cp1252", "replace")
        stream = self._add(b"<</Length %d>>\nstream\n%b\nendstream" % (len(content), content))
        return self._add(
            "<</Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            f"/Resources <</Font <</F1 3 0 R>>>> /Contents {stream} 0 R>>"
        )

    def _file(self, info: int) -> bytes:
        out, places = bytearray(b"%PDF-1.4\n"), []
        for number, body in enumerate(self._objects, start=1):
            places.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += b"trailer\n<</Size %d /Root 1 0 R /Info %d 0 R>>\n" % (len(places) + 1, info)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % start)


def _text(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
