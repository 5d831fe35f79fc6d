"""Small files of every format, changed at random: each is read or refused, soon, and never more.

The changes depend on the seed alone. A file that fails is described by its number; `mutated` makes
it again.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from contextlib import suppress
from random import Random

import pytest
from clock import within
from document_makers import docx, epub, pdf, rewritten, xhtml, zipped

from ingest.book import UnreadableDocument
from ingest.readers import read_book

WORDS = "The road ran along the river for many miles and nobody met them."
NAV = (
    '<nav epub:type="toc"><ol><li><a href="a.xhtml">One</a><ol><li><a href="b.xhtml#two">Two</a>'
    '</li></ol></li></ol></nav><nav epub:type="page-list"><ol><li><a href="a.xhtml#p1">xii</a></li>'
    '<li><a href="b.xhtml#two">1</a></li></ol></nav>'
)
NCX = (
    '<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap><navPoint id="n1"><navLabel><text>'
    'Eins</text></navLabel><content src="a.xhtml"/></navPoint></navMap></ncx>'
)
CHAPTERS = {
    "a.xhtml": xhtml(f'<h1 id="p1">One</h1><p>{WORDS}<br/>A <i>line</i>.</p><![CDATA[x]]>'),
    "b.xhtml": xhtml(f'<h2 id="two">Two</h2><table><tr><td>{WORDS}</td></tr></table>&amp;&#233;'),
}
PAGES = [f"Running head\n{WORDS}\nand went on {n}.\n{n}" for n in range(4)]
LABELS = "/PageLabels << /Nums [0 << /S /r >> 2 << /S /D /St 37 >>] >>"
OUTLINE = [("Running", 0, 1), ("head", 2, 2), ("road", 3, 1)]


def deflated(data: bytes) -> bytes:
    """A PDF whose only stream is packed."""
    start, end = data.index(b"stream\n") + 7, data.index(b"\nendstream")
    packed = zlib.compress(data[start:end])
    head = data[:start].replace(b"/Length", b"/Filter /FlateDecode /Length", 1)
    return head + packed + data[end:]


CORPUS = {
    "text.txt": f"CHAPTER I\n\n{WORDS}\n\fCHAPTER II\n\n{WORDS} caf\u00e9\n".encode(),
    "wide.txt": f"{WORDS} \u201cyes\u201d".encode("utf-16"),
    "notes.md": f"---\ntitle: T\n---\n# One #\n\n{WORDS}\n\nTwo\n===\n\n```\nx\n```\n".encode(),
    "page.html": (
        "<?xml version='1.0'?><!-- c --><!DOCTYPE html><html><head><title>T</title><meta name="
        f"author content=A><meta charset=utf-8></head><body><h1>One</h1><p>{WORDS}<span class="
        "pagenum>[Pg 3]</span><pre> x\n y</pre><ul><li>a<li>b</ul></body></html>"
    ).encode(),
    "plain.pdf": pdf(PAGES, catalog=LABELS),
    "packed.pdf": deflated(pdf(PAGES[:1])),
    "rich.pdf": rewritten(pdf(PAGES), outline=OUTLINE, title="Rain"),
    "locked.pdf": rewritten(pdf(PAGES[:1]), owner="owner"),
    "book.epub": epub(CHAPTERS, nav=NAV, ncx=NCX),
    "letter.docx": docx(
        [("1", "One"), ("", WORDS)], body="<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>"
    ),
}
TOKENS = (
    b"<", b">", b"<!--", b"]]>", b"<![CDATA[", b"&#0;", b"[", b"]", b"<<", b">>", b"(", b")", b"%",
    b"endstream", b"endobj", b"5 0 R", b"0 0 R", b"/Kids", b"/Filter /A85", b"/LZWDecode",
    b"/FlateDecode", b"/Length -1", b"/Encrypt", b"obj", b"stream", b"\0", b"\xff\xfe", b"\n",
    b"99999999999", b"-1", b"1e400", b"PK\x01\x02", b"PK\x05\x06", b"</w:p>", b"<w:p>",
    b"<mc:AlternateContent/>", b"<svg>", b"<nav>", b"</ol>", b"\xed\xa0\x80", b"....", b"    ",
)  # fmt: skip


def mutated(name: str, number: int) -> bytes:
    """The file of the corpus with a few changes; in a zip file also inside of a member."""
    random = Random(f"{name} {number}")
    data = CORPUS[name]
    if name.endswith((".epub", ".docx")) and random.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        chosen = random.choice(sorted(members))
        members[chosen] = changed(members[chosen], random)
        return zipped(members)
    return changed(data, random)


def changed(data: bytes, random: Random) -> bytes:
    """One to five changes of any kind anywhere."""
    for _ in range(random.randint(1, 5)):
        at = random.randint(0, len(data))
        end = min(len(data), at + random.choice((1, 1, 2, 4, 16, 200)))
        piece = data[at:end]
        kind = random.randrange(7)
        if kind == 0:
            piece = b""
        elif kind == 1:
            piece = bytes(random.randrange(256) for _ in piece)
        elif kind == 2:
            piece = bytes(byte ^ (1 << random.randrange(8)) for byte in piece)
        elif kind == 3:
            piece = piece * random.choice((2, 3, 40))
        elif kind == 4:
            piece = random.choice(TOKENS) * random.choice((1, 1, 2, 300)) + piece
        elif kind == 5:
            other = random.randint(0, len(data))
            piece = data[other : other + 40]
        else:
            piece = random.choice(TOKENS)
        data = data[:at] + piece + data[end:]
    return data


@pytest.mark.parametrize("many", [400, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CORPUS)
def test_a_changed_file_is_read_or_refused(name: str, many: int) -> None:
    assert read_book(CORPUS[name], name).text
    for number in range(many):
        data = mutated(name, number)
        try:
            with within(5), suppress(UnreadableDocument):
                assert read_book(data, name).text.strip()
        except Exception as error:
            raise AssertionError(f"mutated({name!r}, {number})") from error
