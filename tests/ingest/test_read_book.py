"""Which reader is chosen, and every refusal."""

import io
import struct
import zipfile
from contextlib import suppress

import pytest
from document_makers import WORD, docx, epub, pdf, rewritten, xhtml, zipped
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PageObject
from pypdf.errors import DependencyError, DeprecationError
from selectolax.lexbor import SelectolaxError

from ingest.book import (
    DamagedDocument,
    EmptyDocument,
    NeedsPassword,
    NoTextLayer,
    ProtectedDocument,
    TooLarge,
    UnreadableDocument,
    UnsupportedFormat,
    WrongPassword,
)
from ingest.readers import archive, read_book

PDF = pdf(["Hello there.\nThis is a page."])
DOCX = docx([("", "Hello there.")])
EPUB = epub({"a.xhtml": xhtml("<p>Hello there.</p>")})
LOCK = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"'
    ' xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
    '<enc:EncryptionMethod Algorithm="{}"/><enc:CipherData>'
    '<enc:CipherReference URI="{}"/></enc:CipherData></enc:EncryptedData></encryption>'
)
BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("data", "name", "format_"),
    [
        (PDF, "a.txt", "pdf"),
        (b"\n\n" + PDF, "a", "pdf"),
        (DOCX, "a.zip", "docx"),
        (EPUB, "a.docx", "epub"),
        (b"<!DOCTYPE html><p>Hi", "a.txt", "html"),
        (b"<?xml version='1.0'?>\n<html><body>Hi</body></html>", "a", "html"),
        (b"<p>Hi</p>", "a.htm", "html"),
        (b"# Hi", "a.md", "markdown"),
        (b"# Hi", "a.txt", "text"),
        (b"The bytes %PDF-1.4 start a PDF file.", "notes.txt", "text"),
    ],
)
def test_content_decides_before_the_name(data, name, format_):
    assert read_book(data, name).format == format_


@pytest.mark.parametrize(
    ("data", "name", "error", "says"),
    [
        (b"", "a.txt", EmptyDocument, "empty"),
        (b" \n\t", "a.txt", EmptyDocument, "empty"),
        ("\u00a0\u2003".encode(), "a.txt", EmptyDocument, "white space"),
        (b"<!doctype html><p> ", "a.html", EmptyDocument, "white space"),
        (docx([]), "a.docx", EmptyDocument, "white space"),
        (epub({"a.xhtml": xhtml("<p/>")}), "a.epub", EmptyDocument, "white space"),
        (bytes(range(256)) * 9, "a.txt", UnsupportedFormat, "binary"),
        (b"\x7fELF\0\0\1\2\3\4" * 50, "a.txt", UnsupportedFormat, "binary"),
        (b"\x89PNG\r\n\x1a\n....", "a.pdf", UnsupportedFormat, "PNG.*OCR"),
        (b"\xff\xd8\xff\xe0....", "a.jpg", UnsupportedFormat, "JPEG"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a.doc", UnsupportedFormat, "DOCX"),
        (b"x" * 60 + b"BOOKMOBI" + bytes(99), "a.mobi", DamagedDocument, "Kindle"),
        (b"some text", "a.mobi", DamagedDocument, "Kindle"),
        (zipped({"x.css": "x"}), "a.zip", UnsupportedFormat, "zip"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt",
         DamagedDocument, "ODT"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}), "a.ods",
         UnsupportedFormat, "OpenDocument"),
        (b"hello", "a.pdf", DamagedDocument, "PDF"),
        (PDF[:60], "a.pdf", DamagedDocument, "damaged"),
        (b"%PDF-1.4\nnothing", "a.pdf", DamagedDocument, "damaged"),
        (pdf([]), "a.pdf", DamagedDocument, "no pages"),
        (pdf(["", ""]), "a.pdf", NoTextLayer, "ocrmypdf"),
        (rewritten(PDF, password="pw"), "a.pdf", NeedsPassword, "password"),
        (DOCX[: len(DOCX) // 2], "a.docx", DamagedDocument, "DOCX"),
        (EPUB[: len(EPUB) // 2], "a.epub", DamagedDocument, "EPUB"),
        (zipped({"x": "y"}), "a.epub", DamagedDocument, "EPUB"),
        (docx([("", "x")], prolog=BOMB), "a.docx", DamagedDocument, "XML"),
        (docx([], body="<w:tbl>" * 300 + "</w:tbl>" * 300), "a.docx", TooLarge, "nested"),
        (docx([], body="<w:tbl><w:tr><w:tc>" * 40 + "</w:tc></w:tr></w:tbl>" * 40), "a.docx",
         TooLarge, "nested"),
        (b"<!doctype html>" + b"<div>" * 20_000, "a.html", TooLarge, "nested"),
        (epub({}, extra={"META-INF/container.xml": "<broken"}), "a.epub", DamagedDocument, "spine"),
        (epub({}), "a.epub", DamagedDocument, "spine"),
        (zipped({"mimetype": "application/epub+zip"}), "a.epub", DamagedDocument, "opf"),
    ],
)  # fmt: skip
def test_refusals_are_one_clear_sentence(data, name, error, says):
    with pytest.raises(error, match=f"(?is){says}") as caught:
        read_book(data, name)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message


def test_passwords():
    locked = rewritten(PDF, password="user", owner="owner")
    assert read_book(locked, "a.pdf", password="user").text == read_book(PDF, "a.pdf").text
    assert read_book(locked, "a.pdf", password="owner").format == "pdf"
    with pytest.raises(WrongPassword):
        read_book(locked, "a.pdf", password="guess")
    # Locked against changes only: it opens without, and a superfluous password does no harm.
    assert read_book(rewritten(PDF, owner="owner"), "a.pdf").format == "pdf"
    assert read_book(PDF, "a.pdf", password="any").format == "pdf"


def test_locked_content_and_obfuscated_fonts():
    files = {"a.xhtml": xhtml("<p>Hello.</p>")}
    aes = LOCK.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/a.xhtml")
    font = LOCK.format("http://www.idpf.org/2008/embedding", "OEBPS/font.otf")
    with pytest.raises(ProtectedDocument, match="rights"):
        read_book(epub(files, extra={"META-INF/encryption.xml": aes}), "a.epub")
    assert read_book(epub(files, extra={"META-INF/encryption.xml": font}), "a.epub").text


def test_zip_limits(monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1_000)
    with pytest.raises(TooLarge, match="unpacks"):
        read_book(epub({"a.xhtml": xhtml("<p>" + "a" * 5_000)}), "a.epub")
    monkeypatch.setattr(archive, "MOST_ENTRIES", 2)
    with pytest.raises(TooLarge, match="entries"):
        read_book(EPUB, "a.epub")


def test_the_title_falls_back_on_the_files_name():
    assert read_book(b"Hello.", "some/dir/My_Book.txt").title == "My Book"
    assert read_book(b"Hello.", "").title == "Untitled"
    made = rewritten(PDF, title="Microsoft Word - draft.doc")
    assert read_book(made, "tale.pdf").title == "tale"


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.md", "a.html", "a"]))
def test_any_bytes_are_read_or_refused(data, name):
    try:
        assert read_book(data, name).text.strip()
    except UnreadableDocument as refusal:
        assert str(refusal)


@pytest.mark.parametrize(("data", "name"), [(PDF, "a.pdf"), (DOCX, "a.docx"), (EPUB, "a.epub")])
def test_a_file_cut_or_changed_anywhere_is_read_or_refused(data, name):
    for at in range(0, len(data), 17):
        for broken in (data[:at], data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :]):
            try:
                read_book(broken, name)
            except UnreadableDocument as refusal:
                assert str(refusal)


def hidden(part: str, content: str) -> bytes:
    """A DOCX whose relations lead to a part that does not look like one."""
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Target="{part}" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/officeDocument"/></Relationships>'
    )
    with zipfile.ZipFile(io.BytesIO(docx([("", "Seen.")]))) as archive:
        members: dict[str, str | bytes] = {n: archive.read(n) for n in archive.namelist()}
    return zipped(members | {"_rels/.rels": relations, part: content})


@pytest.mark.parametrize("part", ["word/hidden.bin", "hidden", "word/media/image1.png"])
def test_a_docx_leads_to_no_part_that_was_not_checked(part):
    start = f'<w:document xmlns:w="{WORD}"><w:body>'
    shown = "<w:p><w:r><w:t>Hidden.</w:t></w:r></w:p>"
    deep = "<w:sdt><w:sdtContent>" * 900, "</w:sdtContent></w:sdt>" * 900
    for content in (f"{start}{shown}", f"{start}{deep[0]}{shown}{deep[1]}", f"{BOMB}{start}&b;"):
        data = hidden(part, f"{content}</w:body></w:document>")
        assert read_book(data, "a.docx").text == "Seen."


def test_a_part_of_a_docx_with_a_style_map_is_not_followed():
    with zipfile.ZipFile(io.BytesIO(DOCX)) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    data = zipped(members | {"mammoth/style-map": b"p => " + b"p:not(" * 9_000})
    assert read_book(data, "a.docx").text == "Hello there."


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_of_packing_that_the_formats_forbid_are_refused(method):
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(EPUB)) as old,
        zipfile.ZipFile(packed, "w", method) as archive,
    ):
        for name in old.namelist():
            archive.writestr(name, old.read(name))
    with pytest.raises(DamagedDocument, match="unknown way"):
        read_book(packed.getvalue(), "a.epub")


def test_a_zip_directory_that_points_before_the_file_is_damage():
    at = EPUB.rindex(b"PK\x05\x06") + 16  # where the directory starts, as the file says
    for offset in (b"\xff\xff\xff\x7f", b"\x00\x00\x00\x00", b"\x30\x00\x00\x00"):
        with suppress(UnreadableDocument):
            read_book(EPUB[:at] + offset + EPUB[at + 4 :], "a.epub")


@pytest.mark.parametrize("nested", ["[", "[%\n", "<</A ", "[<</A"])
def test_a_pdf_nested_too_deeply_is_read_or_refused(nested):
    deep = PDF.replace(b"BT ", b"BT " + nested.encode() * 3_000)
    with suppress(UnreadableDocument):
        assert "Hello there." in read_book(deep, "a.pdf").text
    with suppress(UnreadableDocument):  # in an object instead
        read_book(PDF.replace(b"/Type /Page ", b"/A " + nested.encode() * 3_000), "a.pdf")


@pytest.mark.parametrize("error", [DependencyError, DeprecationError, RecursionError, struct.error])
@pytest.mark.parametrize("where", ["PdfReader", "PageObject.extract_text"])
def test_each_error_of_pypdf_is_a_refusal_or_a_warning(error, where, monkeypatch):
    def fail(*_, **__):
        raise error("x")

    if where == "PdfReader":
        monkeypatch.setattr("ingest.readers.pdf.opening.PdfReader", fail)
    else:
        monkeypatch.setattr(PageObject, "extract_text", fail)
    if where != "PdfReader":
        with pytest.raises(DamagedDocument):  # the second reader's page has no other text
            read_book(PDF.replace(b"Tj", b"TJ"), "a.pdf")
        assert read_book(PDF, "a.pdf").warnings == ()
    elif error is DependencyError:
        with pytest.raises(ProtectedDocument):
            read_book(PDF, "a.pdf")
    else:
        assert "damaged" in read_book(PDF, "a.pdf").warnings[0]


def test_a_filter_that_pypdf_has_given_up_is_a_refusal():
    short = PDF.replace(b"/Length", b"/Filter /A85 /Length", 1)
    with suppress(UnreadableDocument):
        read_book(short, "a.pdf")


def test_an_error_of_the_markup_parser_is_a_refusal(monkeypatch):
    def fail(*_):
        raise SelectolaxError("x")

    monkeypatch.setattr("ingest.readers.markup_tree.LexborHTMLParser", fail)
    for data, name in ((b"<html><p>x", "a.html"), (EPUB, "a.epub")):
        with pytest.raises(TooLarge, match="markup"):
            read_book(data, name)
