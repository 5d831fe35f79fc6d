"""Which reader is chosen, and every refusal."""

import pytest
from document_makers import docx, epub, pdf, rewritten, xhtml, zipped
from hypothesis import given
from hypothesis import strategies as st

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
        (b"{\\rtf1 hello}", "a.txt", UnsupportedFormat, "RTF.*DOCX"),
        (b"\x89PNG\r\n\x1a\n....", "a.pdf", UnsupportedFormat, "PNG.*OCR"),
        (b"\xff\xd8\xff\xe0....", "a.jpg", UnsupportedFormat, "JPEG"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a.doc", UnsupportedFormat, "DOCX"),
        (b"x" * 60 + b"BOOKMOBI" + bytes(99), "a.mobi", UnsupportedFormat, "Kindle.*Calibre"),
        (b"some text", "a.mobi", UnsupportedFormat, "Kindle"),
        (zipped({"x.txt": "x"}), "a.zip", UnsupportedFormat, "zip"),
        (zipped({"mimetype": "application/vnd.oasis.opendocument.text"}), "a.odt",
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
        (pdf(["x"]).replace(b"(x)", b"(x)" + b"[" * 2000), "a.pdf", DamagedDocument, "nested"),
        (epub({}, extra={"META-INF/container.xml": "<broken"}), "a.epub", DamagedDocument, "XML"),
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
