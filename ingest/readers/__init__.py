"""Bytes to Book: ``read_book`` chooses the reader by the file's content, then by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from ingest.book import (
    Book,
    DamagedDocument,
    EmptyDocument,
    ProtectedDocument,
    TooLarge,
    UnsupportedFormat,
)
from ingest.readers.archive import Archive
from ingest.readers.charset import looks_binary
from ingest.readers.docx import main_part, read_docx
from ingest.readers.ebooks.fb2 import read_fb2
from ingest.readers.ebooks.mobi import KINDS, read_mobi
from ingest.readers.epub import CONTAINER, read_epub
from ingest.readers.files import read_files
from ingest.readers.html import read_html
from ingest.readers.letters.mail import read_mail, starts_as_mbox
from ingest.readers.letters.message import starts_as_message
from ingest.readers.letters.mhtml import read_mhtml, starts_as_mhtml
from ingest.readers.letters.subtitles import looks_like_subtitles, read_subtitles
from ingest.readers.markdown import read_markdown
from ingest.readers.office.odt import read_flat_odt, read_odt
from ingest.readers.office.pptx import PRESENTATION, read_pptx
from ingest.readers.office.rtf import read_rtf
from ingest.readers.pdf import read_pdf
from ingest.readers.text import read_text

PARSER_VERSION = 2
"""Increase it whenever the readers give a different text, chapters or pages for the same file."""

MOST_BYTES = 512 << 20
# How an HTML file starts, after white space, comments and an XML declaration.
_HTML = re.compile(r"<(?:!doctype\s++html|html[\s>]|head[\s>]|body[\s>])", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# First bytes of unsupported formats, their names, and what to convert them to.
_FOREIGN = (
    (b"\x89PNG", "PNG image", "text by OCR first, e.g. with ocrmypdf"),
    (b"\xff\xd8\xff", "JPEG image", "text by OCR first, e.g. with ocrmypdf"),
    (b"GIF8", "GIF image", "text by OCR first, e.g. with ocrmypdf"),
    (b"II*\x00", "TIFF image", "text by OCR first, e.g. with ocrmypdf"),
    (b"MM\x00*", "TIFF image", "text by OCR first, e.g. with ocrmypdf"),
    (b"AT&TFORM", "DjVu", "PDF with a text layer"),
    (b"ITSF", "CHM", "HTML or EPUB"),
    (b"%!PS", "PostScript", "PDF, e.g. with ps2pdf"),
    (b"\x1f\x8b", "gzip archive", "the document itself by unpacking it"),
    (b"7z\xbc\xaf", "7-Zip archive", "the document itself by unpacking it"),
    (b"Rar!", "RAR archive", "the document itself by unpacking it"),
)
_MARKDOWN = (".md", ".markdown", ".mdown", ".mkd")
_SUFFIXES = {
    ".kfx": ("Kindle", "EPUB, e.g. with Calibre"),
    ".doc": ("old Word (.doc)", "DOCX"),
    ".pages": ("Apple Pages", "DOCX or PDF"),
    ".djvu": ("DjVu", "PDF with a text layer"),
    ".cbr": ("comic book of pictures", "text by OCR first, e.g. with ocrmypdf"),
    ".ppt": ("old PowerPoint (.ppt)", "PPTX"),
    ".xls": ("old Excel (.xls)", "PDF or plain text"),
    ".lit": ("Microsoft Reader", "EPUB, e.g. with Calibre"),
}


def read_book(
    data: bytes,
    name: str,
    *,
    password: str | None = None,
    recognised: Mapping[int, str] | None = None,
) -> Book:
    """Read a document of any of the `FORMATS`.

    ``name`` is the file's name. It becomes the title if the document has none, and distinguishes
    Markdown from plain text; other formats are recognised by their content. ``password`` opens an
    encrypted PDF; ``recognised`` is the text of its pages that are pictures, by their numbers.
    Raises a subclass of UnreadableDocument, whose message is one sentence.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(
            f"The file has {len(data)} bytes and the limit is {MOST_BYTES};"
            " split it into smaller documents."
        )
    if recognised and _is_pdf(data):
        return read_pdf(data, name, password, recognised)
    return _read(data, name, 0, password)


def _read(data: bytes, name: str, depth: int, password: str | None = None) -> Book:
    """Read a document; ``depth`` counts the zip files that it is in."""
    if not data.strip():
        raise EmptyDocument("The file is empty; check that it was saved or downloaded completely.")
    if _is_pdf(data):
        return read_pdf(data, name, password)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _read_zip(data, name, depth)
    if data.startswith(b"{\\rtf"):
        return read_rtf(data, name)
    if data[60:68] in KINDS:
        return read_mobi(data, name)
    _refuse_foreign(data, name)
    return _read_characters(data, name)


def _is_pdf(data: bytes) -> bool:
    # The standard allows other bytes before the header. "startxref" at the end tells a PDF from a
    # text about PDF.
    head = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"%PDF-") or (b"%PDF-" in head and b"startxref" in data[-2048:])


_ZIPPED = {".epub": "EPUB", ".docx": "DOCX", ".odt": "ODT", ".pptx": "PPTX"}
_NAMED = {  # formats of characters that only the name tells from text, or that must hold them
    ".pdf": "PDF", ".epub": "EPUB", ".docx": "DOCX", ".odt": "ODT", ".pptx": "PPTX",
    ".rtf": "RTF", ".fb2": "FB2", ".mobi": "Kindle", ".azw": "Kindle", ".azw3": "Kindle",
    ".prc": "Kindle", ".zip": "zip",
}  # fmt: skip


def _read_zip(data: bytes, name: str, depth: int) -> Book:
    suffix = PurePath(name).suffix.lower()
    what = _ZIPPED.get(suffix, "zip")
    archive = Archive(data, what)
    if "mimetype" in archive.names:
        media_type = archive.read("mimetype").strip()
        if media_type == b"application/epub+zip":
            return read_epub(data, name)
        if media_type.startswith(b"application/vnd.oasis.opendocument.text"):
            return read_odt(data, name)
        if media_type.startswith(b"application/vnd.oasis.opendocument"):
            raise _unsupported(name, "OpenDocument sheet or slides", "PDF")
    listed = any(member.lower().endswith(".opf") for member in archive.names)
    if CONTAINER in archive.names or (what == "EPUB" and listed):
        return read_epub(data, name)
    if main_part(archive) in archive.names:
        return read_docx(data, name)
    if PRESENTATION in archive.names:
        return read_pptx(data, name)
    if "content.xml" in archive.names and what == "ODT":
        return read_odt(data, name)
    if "xl/workbook.xml" in archive.names:
        raise _unsupported(name, "spreadsheet", "PDF or plain text")
    if what != "zip":
        raise archive.damaged("its main parts are missing")
    if suffix in _SUFFIXES:
        raise _unsupported(name, *_SUFFIXES[suffix])
    return read_files(archive, name, depth, _read)


def _refuse_foreign(data: bytes, name: str) -> None:
    """Raise for formats that are recognised by their first bytes and not supported."""
    if data.startswith(_OLE):
        if _OLE_ENCRYPTED in data:
            raise ProtectedDocument(
                f"{name} is an encrypted Office document; save a copy without a password."
            )
        raise _unsupported(name, "old Word (.doc)", "DOCX")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        raise _unsupported(name, "WebP image", "text by OCR first, e.g. with ocrmypdf")
    for magic, kind, target in _FOREIGN:
        if data.startswith(magic):
            raise _unsupported(name, kind, target)


def _read_characters(data: bytes, name: str) -> Book:
    """Read a file of characters: Markdown, HTML or plain text."""
    suffix = PurePath(name).suffix.lower()
    if suffix in _SUFFIXES:
        raise _unsupported(name, *_SUFFIXES[suffix])
    if book := _read_letter(data, name, suffix):
        return book
    head = data[:8192].replace(b"\0", b"").decode("utf-8", errors="ignore").lstrip("\ufeff")
    as_xml = head.lstrip().startswith(("<?xml", "<FictionBook", "<office:document"))
    if as_xml and "<FictionBook" in head:
        return read_fb2(data, name)
    if as_xml and "<office:document" in head:
        return read_flat_odt(data, name)
    if suffix in _NAMED:
        raise DamagedDocument(
            f"The content of {name} is not {_NAMED[suffix]}, or its beginning is missing;"
            " download or save it again."
        )
    if suffix in _MARKDOWN:
        return read_markdown(data, name)
    if suffix in (".vtt", ".srt") or looks_like_subtitles(head):
        return read_subtitles(data, name)
    if _starts_as_html(head) or (suffix in (".html", ".htm", ".xhtml") and not looks_binary(data)):
        return read_html(data, name)
    return read_text(data, name)


def _read_letter(data: bytes, name: str, suffix: str) -> Book | None:
    """Read e-mail or a saved web page, which start with headers; None for another file."""
    head = data[:16_384]
    if starts_as_mhtml(head) or suffix in (".mht", ".mhtml"):
        return read_mhtml(data, name)
    if starts_as_mbox(head) or starts_as_message(head) or suffix in (".eml", ".mbox"):
        return read_mail(data, name)
    return None


def _starts_as_html(head: str) -> bool:
    """Whether HTML is what follows white space, comments and XML declarations, in one pass."""
    at = _after_space(head, 0)
    while head.startswith(("<!--", "<?xml"), at):
        closing = "-->" if head.startswith("<!--", at) else ">"
        end = head.find(closing, at + 4)
        if end < 0:
            return False
        at = _after_space(head, end + len(closing))
    return bool(_HTML.match(head, at))


def _after_space(text: str, at: int) -> int:
    """The offset of the first character from ``at`` on that is not white space."""
    while text[at : at + 1].isspace():
        at += 1
    return at


def _unsupported(name: str, kind: str, target: str) -> UnsupportedFormat:
    return UnsupportedFormat(
        f"{name} is a {kind} file, which cannot be read; convert it to {target}."
    )
