"""What the readers of more formats make of them."""

import struct

import pytest
from document_makers import docx, epub, xhtml, zipped
from more_documents import fb2, mobi, odt, palm, pptx

from ingest.book import (
    DamagedDocument,
    ProtectedDocument,
    TooLarge,
    UnreadableDocument,
    UnsupportedFormat,
)
from ingest.readers import archive, read_book
from ingest.readers.ebooks.palm import Huffman, unpack_palmdoc
from lab.bench.hard.mutate import corpus, mutated

STORY = "The ferry had left, and nobody on the quay knew when the next one would come. " * 5


def chapters(book):
    return [(c.title, c.matter) for c in book.chapters]


def test_fb2_sections_notes_and_authors():
    made = fb2(
        f"<body><section><title><p>The Quay</p></title><p>{STORY}</p></section>"
        f"<section><title><p>Part</p><p>Two</p></title><p>{STORY}</p></section></body>"
        "<body name='notes'><section><p>A note.</p></section></body>",
        info="<author><first-name>Ann</first-name><last-name>Author</last-name></author>"
        "<book-title>Harbour</book-title><annotation><p>About it.</p></annotation>",
    )
    for name in ("a.fb2", "a"):
        book = read_book(made, name)
        assert (book.format, book.title, book.author) == ("fb2", "Harbour", "Ann Author")
        assert chapters(book) == [
            ("Annotation", "front"), ("The Quay", "main"), ("Part. Two", "main"), ("Notes", "back"),
        ]  # fmt: skip
    assert read_book(zipped({"a.fb2": made}), "a.fb2.zip") == read_book(made, "a.fb2")


def test_rtf_letters_styles_tables_and_notes():
    made = (
        rb"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}"
        rb"{\stylesheet{\s1 heading 1;}{\s0 Normal;}}{\info{\title Harbour}{\author Ann}}"
        rb"{\*\unknown gone}{\header gone too}\pard\s1 The Quay\par\pard\s0 caf\'e9 \u8212? "
        rb"{\f1 \'cf\'f0\'e8\'e2\'e5\'f2}{\footnote A note.}\par "
        rb"\trowd a\cell b\cell\row {\v hidden}{\field{\*\fldinst gone}{\fldrslt Link}}\par}"
    )
    book = read_book(made, "a.rtf")
    assert (book.format, book.title, book.author) == ("rtf", "Harbour", "Ann")
    assert book.text == "The Quay\n\ncafé — Привет\n\nA note.\n\na | b\n\nLink\n\n"
    two = rb"{\rtf1{\stylesheet{\s3 heading 1;}}" + b"".join(
        b"\\pard\\s3 Part %d\\par\\pard " % n + STORY.encode() + b"\\par " for n in (1, 2)
    )
    assert chapters(read_book(two + b"}", "a.txt")) == [("Part 1", "main"), ("Part 2", "main")]


def test_odt_headings_lists_tables_and_notes():
    note = (
        "<text:note><text:note-citation>1</text:note-citation><text:note-body>"
        "<text:p>A note.</text:p></text:note-body></text:note>"
    )
    made = odt(
        '<text:h text:outline-level="1">One</text:h>'
        f'<text:p>a<text:s text:c="2"/>b{note} c</text:p>'
        "<table:table><table:table-row><table:table-cell><text:p>x</text:p></table:table-cell>"
        "<table:table-cell><text:p>y</text:p></table:table-cell></table:table-row></table:table>"
        '<text:h text:outline-level="1">Two</text:h><text:list><text:list-item><text:p>z</text:p>'
        "</text:list-item></text:list>"
    )
    book = read_book(made, "a.odt")
    assert book.text == "One\n\na b c\n\n[1] A note.\n\nx | y\n\nTwo\n\nz"
    assert [title for title, _ in chapters(book)] == ["One", "Two"]
    locked = odt("<text:p>x</text:p>", manifest="<manifest><e><encryption-data/></e></manifest>")
    with pytest.raises(ProtectedDocument, match="encrypted"):
        read_book(locked, "a.odt")


def test_pptx_slides_are_pages_in_the_order_shown():
    made = pptx([("Last", "Good bye.", ""), ("", "In between.", ""), ("First", "Hello.", "Smile.")])
    book = read_book(made, "a.pptx")
    assert book.text == "First\n\nHello.\n\nNotes:\n\nSmile.\n\nIn between.\n\nLast\n\nGood bye."
    assert [title for title, _ in chapters(book)] == ["First", "Slide 2", "Last"]
    assert [book.text[p.start : p.end].strip()[:5] for p in book.pages] == [
        "First",
        "In be",
        "Last\n",
    ]
    assert book.paged and [p.label for p in book.pages] == ["1", "2", "3"]


VTT = (
    "WEBVTT\n\nNOTE no text\n\n1\n00:00:01.000 --> 00:00:02.000\n<v Ann>Hello <i>there</i>.\n\n"
    "00:02.500 --> 00:03.000\n<v Ann>How are\nyou?\n\n"
    "00:03.500 --> 00:04.000\n<v Bo>Fine &amp; dry.\n\n"
    "01:02:03.000 --> 01:02:04.000\nLater.\n"
)


def test_subtitles_become_paragraphs_with_speakers_and_times():
    book = read_book(VTT.encode(), "a.vtt")
    assert book.text == "Ann: Hello there. How are you?\n\nBo: Fine & dry.\n\nLater."
    assert [(p.label, book.text[p.start : p.start + 5]) for p in book.pages] == [
        ("0:00:01", "Ann: "), ("1:02:03", "Later"),
    ]  # fmt: skip
    srt = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:02,100 --> 00:00:03,000\ntwo.\n"
    assert read_book(srt.replace("\n", "\r\n").encode(), "a").text == "One two."
    with pytest.raises(DamagedDocument, match="cues"):
        read_book(b"just text", "a.srt")


MESSAGE = (
    "From: =?utf-8?q?Ann_M=C3=BCller?= <ann@example.org>\nTo: Bo <bo@example.org>\n"
    "Date: Mon, 1 Dec 2025 10:00:00 +0000\nSubject: The {n}. ferry\nMIME-Version: 1.0\n"
)
PLAIN = MESSAGE + "Content-Type: text/plain; charset=utf-8\n\n{body}\n"


def test_a_message_keeps_its_headers_and_names_its_attachments():
    made = MESSAGE.replace("{n}", "1") + (
        'Content-Type: multipart/mixed; boundary="b"\n\n--b\n'
        'Content-Type: multipart/alternative; boundary="c"\n\n'
        "--c\nContent-Type: text/plain\n\nIt leaves at noon.\n"
        "--c\nContent-Type: text/html\n\n<p>It <b>leaves</b> at noon.</p>\n--c--\n"
        "--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=plan.pdf\n\n"
        "xxxx\n--b--\n"
    )
    book = read_book(made.encode(), "a")
    assert book.text == (
        "From: Ann Müller <ann@example.org>\nTo: Bo <bo@example.org>\n"
        "Date: Mon, 1 Dec 2025 10:00:00 +0000\nSubject: The 1. ferry\n\nIt leaves at noon."
    )
    assert (book.format, book.title) == ("mail", "The 1. ferry")
    assert book.warnings == ("The attachment plan.pdf was not read.",)


def test_messages_are_chapters_and_quotes_are_kept_once():
    bodies = [STORY, f"> {STORY.strip()}\n> Never said before.\nI see."]
    line = "From ann@example.org Mon Dec  1 10:00:00 2025\n"
    made = "\n".join(
        line + PLAIN.replace("{n}", str(n)).replace("{body}", body)
        for n, body in enumerate(bodies, 1)
    )
    book = read_book(made.encode(), "a.mbox")
    assert [title for title, _ in chapters(book)] == ["The 1. ferry", "The 2. ferry"]
    assert book.text.count(STORY.strip()) == 1
    assert "> Never said before.\nI see." in book.text


def test_a_saved_web_page():
    made = (
        "From: <Saved by a browser>\nSubject: x\nMIME-Version: 1.0\n"
        'Content-Type: multipart/related; type="text/html"; boundary="b"\n\n--b\n'
        "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
        "<html><title>Quay</title><p>Caf=C3=A9 = &amp; bar</p></html>\n--b--\n"
    ).replace("9 = &", "9 =3D &")
    book = read_book(made.encode(), "a.mhtml")
    assert (book.format, book.title, book.text) == ("mhtml", "Quay", "Café = & bar")
    with pytest.raises(DamagedDocument, match="no page"):
        read_book(b"Content-Type: text/plain\n\nx", "a.mht")


def test_a_zip_of_files_is_one_document():
    inner = zipped({"3.txt": "Third."})
    made = zipped(
        {"10.txt": "Tenth.", "2.docx": docx([("", "Second.")]), "x/.hidden": "no",
         "__MACOSX/a.txt": "no", "3.zip": inner, "pic.png": b"\x89PNG\r\n\x1a\n", "bad.pdf": "no"}
    )  # fmt: skip
    book = read_book(made, "a.zip")
    assert book.text == "Second.\n\nThird.\n\nTenth."
    assert (book.format, chapters(book)) == (
        "files",
        [("2", "main"), ("3", "main"), ("10", "main")],
    )
    assert len(book.warnings) == 1 and "bad.pdf was not read" in book.warnings[0]
    one = epub({"a.xhtml": xhtml("<p>Hello.</p>")})
    assert read_book(zipped({"b.epub": one, "cover.jpg": b"x"}), "a.zip").format == "epub"


def test_zips_in_zips_share_one_limit(monkeypatch):
    inner = {f"{n}.zip": zipped({"a.txt": "a" * 4_000}) for n in range(3)}
    made = zipped(inner)
    assert read_book(made, "a.zip").format == "files"
    monkeypatch.setattr(archive, "MOST_BYTES", 10_000)
    with pytest.raises(TooLarge, match="unpacks"):
        read_book(made, "a.zip")


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (zipped({"1.jpg": b"x", "2.jpg": b"y"}), "a.cbz", "pictures"),
        (zipped({"style.css": "x"}), "a.zip", "unpack"),
        (
            zipped({"a.zip": zipped({"b.zip": zipped({"c.txt": "x"})})}),
            "a.zip",
            "without documents",
        ),
        (b"Rar!\x1a\x07", "a.cbr", "RAR"),
        (b"x", "a.cbr", "comic"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a.doc", "old Word"),
        (zipped({"xl/workbook.xml": "<x/>"}), "a.xlsx", "spreadsheet"),
    ],
)
def test_what_is_refused_is_named(data, name, says):
    with pytest.raises(UnsupportedFormat, match=says):
        read_book(data, name)


def test_kindle_books():
    text = b"<html><body><h1>One</h1><p>Hello there.</p><h1>Two</h1><p>Good bye.</p></body></html>"
    book = read_book(mobi(text), "a.azw3")
    assert (book.format, book.title) == ("mobi", "A Kindle Book")
    assert book.text == "One\n\nHello there.\n\nTwo\n\nGood bye."
    packed = b"\x03<p>" + b"abc" + bytes(((0x80 | (3 << 3 >> 8)), (3 << 3) | 3)) + b"\xf4\x01!"
    assert unpack_palmdoc(packed) == b"<p>abcabcabc t!"
    assert read_book(mobi(packed, packing=2), "a.mobi").text == "abcabcabc t!"
    with pytest.raises(ProtectedDocument, match="rights"):
        read_book(mobi(text, locked=2), "a.mobi")
    head = struct.pack(">HHIHHH", 1, 0, 5, 1, 4096, 0) + bytes(2)
    assert read_book(palm([head, b"Plain words."], b"TEXtREAd"), "a.prc").text == "Plain words."


def test_huffman_phrases():
    """A dictionary in which each byte is the number of a phrase, counted from the highest."""
    table = b"".join(struct.pack(">I", 0xFF88) for _ in range(256))
    huff = b"HUFF\0\0\0\x18" + struct.pack(">II", 16, 16 + 1024) + table + bytes(256)
    phrases = [b"one ", b"two ", b"\xff"]
    offsets, packed = [], b""
    for number, phrase in enumerate(phrases):
        offsets.append(2 * len(phrases) + len(packed))
        packed += struct.pack(">H", len(phrase) | (0 if number == 2 else 0x8000)) + phrase
    cdic = b"CDIC\0\0\0\x10" + struct.pack(">II", 3, 8) + struct.pack(">3H", *offsets) + packed
    made = Huffman.read(huff, [cdic])
    assert made.unpack(b"\xff\xfe\xfd") == b"one two one "
    with pytest.raises(DamagedDocument):
        made.unpack(b"\x00")


MADE = {
    "a.fb2": fb2("<body><section><title><p>A</p></title><p>b</p></section></body>"),
    "a.rtf": rb"{\rtf1\ansi{\fonttbl{\f0\fcharset204 x;}}\f0\s1 caf\'e9\u8212?\par {\footnote n}b}",
    "a.odt": odt("<text:h>a</text:h><text:p>b</text:p>"),
    "a.pptx": pptx([("a", "b", "c")]),
    "a.vtt": VTT.encode(),
    "a.eml": PLAIN.replace("{body}", "x").encode(),
    "a.mobi": mobi(b"<p>abc" + bytes((0x80, 27)), packing=2),
    "a.zip": zipped({"a.txt": "a", "b.md": "# b"}),
}


@pytest.mark.parametrize("name", MADE)
def test_a_file_of_these_cut_or_changed_anywhere_is_read_or_refused(name):
    data = MADE[name]
    assert read_book(data, name).text
    for at in range(0, len(data), 11):
        for broken in (data[:at], data[:at] + bytes([data[at] ^ 0x15]) + data[at + 1 :]):
            try:
                read_book(broken, name)
            except UnreadableDocument as refusal:
                assert str(refusal).endswith(".")


def test_a_changed_rtf_whose_note_outlives_its_paragraph_is_read() -> None:
    data = mutated("letter.rtf", corpus()["letter.rtf"], 12326)
    assert read_book(data, "letter.rtf").text.strip()
