"""EPUB files as people have them: drawings, stand-ins, notes, pages, damage and locks."""

from __future__ import annotations

import io
import zipfile

import pytest
from document_makers import CONTAINER, epub, xhtml, zipped

from ingest.book import Book, DamagedDocument, NoTextLayer, ProtectedDocument
from ingest.readers import read_book

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg"><title>Plate</title><desc>A ship</desc>'
    '<style>t{}</style><path d="M0"/>'
    '<text x="1" y="9">The brig was <tspan>built</tspan> here</text>'
    '<text><tspan x="1" y="2">in two</tspan><tspan x="1" y="3">years.</tspan></text></svg>'
)  # fmt: skip


def made(
    manifest: str, spine: str, members: dict[str, str | bytes], package: str | None = None
) -> bytes:
    """An EPUB of these entries of the package file, and these members."""
    whole = package or (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/>'
        f"<manifest>{manifest}</manifest><spine>{spine}</spine></package>"
    )
    files = {f"OEBPS/{name}": content for name, content in members.items()}
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": CONTAINER,
            "OEBPS/content.opf": whole,
        }
        | files
    )


def item(id_: str, href: str, kind: str = "application/xhtml+xml", more: str = "") -> str:
    return f'<item id="{id_}" href="{href}" media-type="{kind}" {more}/>'


def ref(*ids: str) -> str:
    return "".join(f'<itemref idref="{id_}"/>' for id_ in ids)


def read(data: bytes) -> Book:
    return read_book(data, "a.epub")


def test_drawings_in_the_spine_and_inside_a_page_give_their_text() -> None:
    data = made(
        item("s", "s.svg", "image/svg+xml") + item("a", "a.xhtml"),
        ref("s", "a"),
        {"s.svg": f'<?xml version="1.0"?>{SVG}', "a.xhtml": xhtml(f"<p>Page.</p>{SVG}")},
    )
    drawn = "The brig was built here\nin two years."
    assert read(data).text == f"{drawn}\n\nPage.\n\n{drawn}"


def test_what_stands_in_for_a_foreign_part_is_read_and_an_objects_fallback() -> None:
    data = made(
        item("x", "x.json", "application/json", 'fallback="y"')
        + item("y", "y.pdf", "application/pdf", 'fallback="z"')
        + item("z", "z.xhtml") + item("p", "p.jpg", "image/jpeg", 'fallback="p"'),
        ref("x", "p"),
        {
            "x.json": "{}", "y.pdf": "%PDF-", "p.jpg": b"\xff\xd8",
            "z.xhtml": xhtml("<p>Stands in.</p><object data='q.swf'><p>Moon phases.</p></object>"),
        },
    )  # fmt: skip
    book = read(data)
    assert book.text == "Stands in.\n\nMoon phases."
    assert book.warnings == ("1 of the book's 2 parts are images without text.",)


def test_a_book_of_images_is_refused_as_such() -> None:
    nav = item("n", "n.xhtml", more='properties="nav"')
    data = made(
        item("p", "p.jpg", "image/jpeg", 'fallback="n"') + nav,
        ref("p"),
        {"p.jpg": b"\xff\xd8", "n.xhtml": xhtml("<nav>x</nav>")},
    )
    with pytest.raises(NoTextLayer, match="images"):
        read(data)


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("text\\a.xhtml", "text/a.xhtml"),
        ("text/a.xhtml", "text\\a.xhtml"),
        ("a%2520b.xhtml", "a b.xhtml"),
        ("caf%C3%A9.xhtml", "cafe\u0301.xhtml"),
        ("caf%E9.xhtml", "café.xhtml"),
        ("A.XHTML", "a.xhtml"),
        ("100%.xhtml", "100%.xhtml"),
        ("a.xhtml?x=1", "a.xhtml"),
        ("../OEBPS/./a.xhtml#top", "a.xhtml"),
        ("elsewhere/a.xhtml", "a.xhtml"),
        ("/OEBPS/a.xhtml", "a.xhtml"),
    ],
)
def test_links_that_are_not_written_correctly_lead_to_their_files(href: str, name: str) -> None:
    data = made(item("a", href), ref("a"), {name: xhtml("<p>Found.</p>")})
    book = read(data)
    assert (book.text, book.warnings) == ("Found.", ())


def test_of_a_damaged_spine_what_is_there_is_read_with_a_warning() -> None:
    files: dict[str, str | bytes] = {f"{n}.xhtml": xhtml(f"<p>Part {n}.</p>") for n in (1, 2, 10)}
    listed = "".join(item(f"i{n}", f"{n}.xhtml") for n in (1, 2, 3, 10))
    missing = read(made(listed, ref("i1", "i3", "unknown", "i2"), files))
    assert missing.text == "Part 1.\n\nPart 2."
    assert "2 of the book's 4 parts are not in" in missing.warnings[0]
    unordered = read(made(listed, "", files))
    assert unordered.text == "Part 1.\n\nPart 2.\n\nPart 10."
    assert "order" in unordered.warnings[0]
    unlisted = read(made("", "", files))
    assert unlisted.text == "Part 1.\n\nPart 2.\n\nPart 10."


def test_a_package_file_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    cut = f"<package><metadata/><manifest>{item('b', 'b.xhtml')}{item('a', 'a.xhtml')}</manifest>"
    cut += '<spine><itemref idref="a"/><itemref idref="b"/><itemref idr'
    files: dict[str, str | bytes] = {f"{n}.xhtml": xhtml(f"<p>Part {n}.</p>") for n in "ab"}
    book = read(made("", "", files, package=cut))
    assert book.text == "Part a.\n\nPart b."
    assert "damaged" in book.warnings[0]
    with pytest.raises(DamagedDocument):
        read(made("", "", files, package='<!DOCTYPE x [<!ENTITY a "b">]>' + cut))


def test_without_a_container_the_package_file_is_found() -> None:
    data = epub({"a.xhtml": xhtml("<p>Found.</p>")})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        kept = {n: archive.read(n) for n in archive.namelist() if n.startswith("OEBPS")}
    assert read(zipped(kept)).text == "Found."


def test_one_part_that_cannot_be_unpacked_costs_that_part() -> None:
    texts = {f"{n}.xhtml": xhtml(f"<p>{n * 300}</p>") for n in "abc"}
    data = bytearray(epub(texts))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        at = archive.getinfo("OEBPS/b.xhtml").header_offset
    data[at + 50 : at + 60] = b"\xff" * 10
    book = read(bytes(data))
    assert "aaa" in book.text and "ccc" in book.text and "bbb" not in book.text
    assert "1 of the book's 3 parts cannot be unpacked" in book.warnings[0]


def test_notes_keep_their_marks_and_their_place() -> None:
    body = (
        '<p>The brig<a epub:type="noteref" href="#n1" id="r1"><sup>1</sup></a> sank'
        '<a role="doc-noteref" href="#n2">(2)</a>.</p>'
        '<aside epub:type="footnote" id="n1" hidden="hidden"><p>1. A ship.</p></aside>'
        '<p hidden="hidden">Unseen.</p>'
    )
    assert read(epub({"a.xhtml": xhtml(body)})).text == "The brig[1] sank[2].\n\n1. A ship."


def test_pages_come_from_the_page_list_of_the_ncx() -> None:
    points = "".join(
        f'<pageTarget id="p{n}"><navLabel><text>{label}</text></navLabel>'
        f'<content src="A.xhtml#p{n}"/></pageTarget>'
        for n, label in enumerate(("ix", "x", "1"))
    )
    ncx = f"<ncx><navMap/><pageList>{points}</pageList></ncx>"
    body = "".join(f'<p id="p{n}">On page {n}.</p>' for n in range(3))
    book = read(epub({"a.xhtml": xhtml(body)}, ncx=ncx))
    assert [(page.label, book.text[page.start : page.end].strip()) for page in book.pages] == [
        ("ix", "On page 0."), ("x", "On page 1."), ("1", "On page 2."),
    ]  # fmt: skip


LOCKED = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
    '<enc:EncryptionMethod Algorithm="{}"/><enc:CipherData><enc:CipherReference URI="{}"/>'
    "</enc:CipherData></enc:EncryptedData></encryption>"
)
AES = "http://www.w3.org/2001/04/xmlenc#aes256-cbc"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("META-INF/rights.xml", "Adobe"),
        ("META-INF/sinf.xml", "FairPlay"),
        ("META-INF/license.lcpl", "LCP"),
        ("META-INF/other.xml", "digital rights management;"),
    ],
)
def test_the_refusal_names_the_lock(file: str, name: str) -> None:
    extra = {"META-INF/encryption.xml": LOCKED.format(AES, "OEBPS/a.xhtml"), file: "<x/>"}
    with pytest.raises(ProtectedDocument, match=name):
        read(epub({"a.xhtml": xhtml("<p>x</p>")}, extra=extra))


@pytest.mark.parametrize(
    "method", ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"]
)
def test_obfuscated_fonts_are_no_lock(method: str) -> None:
    extra = {"META-INF/encryption.xml": LOCKED.format(method, "OEBPS/f.otf")}
    assert read(epub({"a.xhtml": xhtml("<p>Open.</p>")}, extra=extra)).text == "Open."
