"""Hostile files, made when they are needed: each stands for one way to exhaust or confuse a reader.

None of them is large itself: at most a few megabytes go in.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping

Maker = Callable[[], bytes]
KINDS: dict[str, Maker] = {}
"""File name -> what makes its bytes."""

_CONTAINER = (
    '<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" '
    'version="1.0"><rootfiles><rootfile full-path="content.opf" media-type="application/'
    'oebps-package+xml"/></rootfiles></container>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    'relationships"><Relationship Id="r1" Target="{target}" Type="http://schemas.openxmlformats.org'
    '/officeDocument/2006/relationships/officeDocument"/></Relationships>'
)
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
_DOCTYPE = f"<!DOCTYPE x [{_LAUGHS}]>"


def _kind(name: str) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        KINDS[name] = make
        return make

    return register


def _zip(members: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _epub(
    body: str = "<p>x</p>", items: str = "", spine: str = "", head: str = "", **more: str
) -> bytes:
    package = (
        f'<?xml version="1.0"?>{head}<package xmlns="http://www.idpf.org/2007/opf" version="3.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>T</dc:title></metadata>'
        f'<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>{items}'
        f'</manifest><spine><itemref idref="a"/>{spine}</spine></package>'
    )
    page = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'
    named = {name.replace("_", "."): content for name, content in more.items()}
    return _zip(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": _CONTAINER,
            "content.opf": package,
            "a.xhtml": page,
            **named,
        }
    )


def _docx(body: str, head: str = "", target: str = "word/document.xml", **more: str) -> bytes:
    document = f'<?xml version="1.0"?>{head}<w:document xmlns:w="{_WORD}"><w:body>{body}</w:body>'
    return _zip(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": _RELATIONS.format(target=target),
            "word/document.xml": f"{document}</w:document>",
            **{f"word/{name}": content for name, content in more.items()},
        }
    )


def _pdf(*objects: str | bytes) -> bytes:
    """A PDF of these objects, the first of which is its catalog."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        raw = body.encode("latin-1") if isinstance(body, str) else body
        out += f"{number} 0 obj\n".encode() + raw + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size, start = len(objects) + 1, len(out)
    out += (
        f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
        f"startxref\n{start}\n%%EOF\n"
    ).encode()
    return bytes(out)


def _stream(data: bytes, more: str = "") -> bytes:
    return f"<< /Length {len(data)} {more} >>\nstream\n".encode() + data + b"\nendstream"


def _page_of(content: bytes, *more: str | bytes, resources: str = "") -> bytes:
    font = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>"
    return _pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
        f"/Resources << {resources or font} >> >>",
        content,
        *more,
    )


def _deflated(size: int, what: bytes = b" ") -> bytes:
    packer = zlib.compressobj(9)
    block = what * ((1 << 20) // len(what))
    pieces = [packer.compress(block) for _ in range(size >> 20)]
    return b"".join(pieces) + packer.flush()


for _name, _data in {
    "one_line.txt": lambda: b"word " * (1 << 20),
    "line_ends.txt": lambda: b"\n" * (8 << 20) + b"x",
    "form_feeds.txt": lambda: b"x\f" * (1 << 20),
    "comments.txt": lambda: b"<!--x-->" * 200_000,
    "chapters.txt": lambda: b"CHAPTER I\n\nx\n\n" * 100_000,
    "high_bytes.txt": lambda: bytes(range(128, 256)) * 10_000,
    "combining.txt": lambda: ("e" + "\u0301" * 1_000_000).encode(),
    "surrogates.txt": lambda: b"\xff\xfe" + b"\x00\xd8" * 500_000,
    "quotes.md": lambda: b">" * 300_000 + b" x",
    "headings.md": lambda: b"# x\n\n" * 300_000,
    "fence.md": lambda: b"```\n" + b"x\n" * 1_000_000,
    "brackets.md": lambda: b"[" * 500_000 + b"x",
    "underlines.md": lambda: b"x\n===\n" * 200_000,
    "nested.html": lambda: b"<html><body>" + b"<div>" * 300_000 + b"x",
    "breaks.html": lambda: b"<html><body>x" + b"<br>" * 1_000_000,
    "attributes.html": lambda: (
        b"<html><body><p " + b" ".join(b"a%d=1" % n for n in range(300_000)) + b">x"
    ),
    "formatting.html": lambda: b"<html><body>" + b"<b><i><a><p>" * 20_000 + b"x",
    "cdata.html": lambda: b"<html><body>x" + b"<![CDATA[" * 300_000,
    "entities.html": lambda: b"<html><body>x" + b"&#233;&amp" * 400_000,
    "cells.html": lambda: b"<html><body>x<table><tr>" + b"<td>x" * 300_000,
    "tables.html": lambda: b"<html><body>" + b"<table><tr><td>" * 20_000 + b"x",
    "selects.html": lambda: b"<html><body>x" + b"<select><option>" * 200_000,
}.items():
    KINDS[_name] = _data


@_kind("breaks.epub")
def _breaks() -> bytes:
    return _epub("<br/>" * (20 << 20))


@_kind("same_member.epub")
def _same_member() -> bytes:
    return _epub(spine='<itemref idref="a"/>' * 20_000)


@_kind("items.epub")
def _items() -> bytes:
    return _epub(items="".join(f'<item id="i{n}" href="a.xhtml"/>' for n in range(100_000)))


@_kind("laughs.epub")
def _epub_laughs() -> bytes:
    return _epub(head=_DOCTYPE, items="&l9;")


@_kind("external.epub")
def _external() -> bytes:
    return _epub(head='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', items="&e;")


@_kind("contents.epub")
def _contents() -> bytes:
    nav = '<nav xmlns:epub="http://www.idpf.org/2007/ops" epub:type="toc">'
    nav += "<ol><li>" * 20_000 + '<a href="a.xhtml">x</a>'
    item = '<item id="n" href="n.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    return _epub(items=item, n_xhtml=f"<html><body>{nav}</body></html>")


@_kind("points.epub")
def _points() -> bytes:
    point = '<navPoint><navLabel><text>x</text></navLabel><content src="a.xhtml#x"/></navPoint>'
    item = '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    return _epub(items=item, toc_ncx=f"<ncx><navMap>{point * 200_000}</navMap></ncx>")


@_kind("entries.epub")
def _entries() -> bytes:
    return _zip({"mimetype": "application/epub+zip", **{f"e{n}": "" for n in range(30_000)}})


@_kind("overlapping.epub")
def _overlapping() -> bytes:
    """Many entries of the table share the bytes of one, which unpacks to 16 MiB."""
    data, count = _deflated(16 << 20, b"x"), 2_000
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(data), 16 << 20, 1, 0) + b"a"
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(data), 16 << 20, 1, 0, 0, 0, 0, 0, 0
    )
    table = (entry + b"a") * count
    start = len(local) + len(data)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(table), start, 0)
    return local + data + table + end


@_kind("deep.docx")
def _deep() -> bytes:
    return _docx("<w:tbl><w:tr><w:tc>" * 20_000 + "</w:tc></w:tr></w:tbl>" * 20_000)


@_kind("paragraphs.docx")
def _paragraphs() -> bytes:
    return _docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>" * 300_000)


@_kind("laughs.docx")
def _docx_laughs() -> bytes:
    return _docx("<w:p><w:r><w:t>&l9;</w:t></w:r></w:p>", head=_DOCTYPE)


@_kind("hidden.docx")
def _hidden() -> bytes:
    deep = "<w:p>" * 50_000 + "</w:p>" * 50_000
    hidden = f'<w:document xmlns:w="{_WORD}"><w:body>{deep}</w:body></w:document>'
    return _docx("", target="word/hidden.bin", **{"hidden.bin": hidden})


@_kind("styles.docx")
def _styles() -> bytes:
    style = '<w:style w:type="paragraph" w:styleId="s"><w:basedOn w:val="s"/></w:style>'
    return _docx(
        '<w:p><w:pPr><w:pStyle w:val="s"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>',
        **{"styles.xml": f'<w:styles xmlns:w="{_WORD}">{style * 100_000}</w:styles>'},
    )


@_kind("one_child.pdf")
def _one_child() -> bytes:
    return _pdf(
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{'3 0 R ' * 100_000}] /Count 100000 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    )


@_kind("cycle.pdf")
def _cycle() -> bytes:
    return _pdf(
        "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"
    )


@_kind("arrays.pdf")
def _arrays() -> bytes:
    return _pdf("<< /Type /Catalog /Pages 2 0 R >>", "[" * 300_000)


@_kind("comments.pdf")
def _pdf_comments() -> bytes:
    return _page_of(_stream(b"BT /F1 9 Tf " + b"(" * 300_000))


@_kind("names.pdf")
def _names() -> bytes:
    return _page_of(_stream(b"BT /F1 9 Tf " + b"<" * 500_000 + b"/" * 500_000))


@_kind("inflating.pdf")
def _inflating() -> bytes:
    return _page_of(_stream(_deflated(512 << 20), "/Filter /FlateDecode"))


@_kind("chain.pdf")
def _chain() -> bytes:
    data = _deflated(256 << 20)
    for _ in range(4):
        data = zlib.compress(data, 9)
    return _page_of(_stream(data, f"/Filter [{'/FlateDecode ' * 5}]"))


@_kind("run_lengths.pdf")
def _run_lengths() -> bytes:
    return _page_of(_stream(b"\x81x" * 1_000_000, "/Filter /RunLengthDecode"))


@_kind("ascii85.pdf")
def _ascii85() -> bytes:
    return _page_of(_stream(b"z" * 5_000_000, "/Filter /ASCII85Decode"))


@_kind("lzw.pdf")
def _lzw() -> bytes:
    return _page_of(
        _stream(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 100_000, "/Filter /LZWDecode")
    )


@_kind("shows.pdf")
def _shows() -> bytes:
    return _page_of(_stream(b"BT /F1 9 Tf " + b"(x) Tj 0 1 Td " * 150_000 + b"ET"))


@_kind("saves.pdf")
def _saves() -> bytes:
    return _page_of(_stream(b"q " * 1_000_000 + b"BT /F1 9 Tf (x) Tj ET"))


@_kind("itself.pdf")
def _itself() -> bytes:
    form = _stream(b"/X Do /X Do", "/Type /XObject /Subtype /Form /Resources 6 0 R")
    return _page_of(
        _stream(b"/X Do"),
        form,
        "<< /XObject << /X 5 0 R >> >>",
        resources="/XObject << /X 5 0 R >>",
    )


@_kind("predictor.pdf")
def _predictor() -> bytes:
    parameters = "/DecodeParms << /Predictor 15 /Columns 2147483647 >>"
    return _page_of(_stream(zlib.compress(bytes(1 << 20)), f"/Filter /FlateDecode {parameters}"))


@_kind("ranges.pdf")
def _ranges() -> bytes:
    ranges = b"100 beginbfrange\n" + b"<0000> <FFFFFFFF> <0041>\n" * 100 + b"endbfrange\n"
    font = "/Type /Font /Subtype /Type0 /BaseFont /F /Encoding /Identity-H /ToUnicode 6 0 R"
    return _page_of(
        _stream(b"BT /F1 9 Tf <0001> Tj ET"),
        f"<< {font} >>",
        _stream(b"begincmap\n1 begincodespacerange <0000> <FFFF> endcodespacerange\n" + ranges),
        resources="/Font << /F1 5 0 R >>",
    )


@_kind("outline.pdf")
def _outline() -> bytes:
    return _pdf(
        "<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        "<< /First 5 0 R /Last 5 0 R /Count 1 >>",
        "<< /Title (x) /Parent 4 0 R /First 5 0 R /Next 5 0 R /Dest [3 0 R /Fit] >>",
    )


@_kind("labels.pdf")
def _labels() -> bytes:
    return _pdf(
        "<< /Type /Catalog /Pages 2 0 R /PageLabels 4 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
        "<< /Kids [4 0 R 4 0 R] /Nums [0 << /S /r /St 2000000000 >>] >>",
    )


@_kind("broken_table.pdf")
def _broken_table() -> bytes:
    return b"%PDF-1.7\n" + b"1 0 obj\n<< /A 1 0 R >>\nendobj\n" * 50_000 + b"startxref\n9\n%%EOF"


@_kind("deep.bookstate")
def _deep_manifest() -> bytes:
    return _zip({"manifest.json": b'{"a":[' * (100 << 10)})


@_kind("long.bookstate")
def _long_manifest() -> bytes:
    """As many small values as the highest allowed ratio lets through."""
    numbers = ",".join(str(n % 97) for n in range(2_000_000))
    return _zip({"manifest.json": f"[{numbers}]"})


@_kind("members.bookstate")
def _many_members() -> bytes:
    return _zip({"manifest.json": "{}", **{f"state/{n}": "" for n in range(30_000)}})


@_kind("lists.gguf")
def _lists() -> bytes:
    keys = [f"k{n:02}".encode() + struct.pack("<IIQ", 9, 7, 1 << 20) for n in range(9)]
    body = b"".join(struct.pack("<Q", 3) + key + bytes(1 << 20) for key in keys)
    return b"GGUF" + struct.pack("<IQQ", 3, 16_000, 4_000) + body


@_kind("texts.gguf")
def _texts() -> bytes:
    key = struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 20)
    return b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + key + struct.pack("<Q", 0) * (1 << 19)
