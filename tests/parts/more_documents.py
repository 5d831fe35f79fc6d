"""Small documents of more formats, made in the test."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from document_makers import zipped

_ODF = "urn:oasis:names:tc:opendocument:xmlns:"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_SLIDES = "http://schemas.openxmlformats.org/presentationml/2006/main"
_RELATED = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def fb2(bodies: str, *, info: str = "") -> bytes:
    """A FictionBook file with these bodies."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0"><description>'
        f"<title-info>{info}</title-info></description>{bodies}</FictionBook>"
    ).encode()


def odt(body: str, *, manifest: str = "") -> bytes:
    """An OpenDocument text with this body; text: is the prefix of its elements."""
    spaces = "".join(
        f' xmlns:{prefix}="{_ODF}{name}:1.0"'
        for prefix, name in (("office", "office"), ("text", "text"), ("table", "table"))
    )
    members = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f"<office:document-content{spaces}><office:body><office:text>{body}"
        "</office:text></office:body></office:document-content>",
    }
    return zipped(members | ({"META-INF/manifest.xml": manifest} if manifest else {}))


def pptx(slides: Sequence[tuple[str, str, str]]) -> bytes:
    """A presentation of slides, each with a title, a text and notes, any of which may be empty."""
    members: dict[str, str | bytes] = {}
    listed = related = ""
    for number, (title, text, notes) in enumerate(slides, 1):
        members[f"ppt/slides/slide{number}.xml"] = _slide(("title", title), ("body", text))
        if notes:
            members[f"ppt/notesSlides/notesSlide{number}.xml"] = _slide(("body", notes))
            members[f"ppt/slides/_rels/slide{number}.xml.rels"] = _relations(
                f'<Relationship Id="n" Type="{_RELATED}/notesSlide"'
                f' Target="../notesSlides/notesSlide{number}.xml"/>'
            )
        listed = f'<p:sldId id="{255 + number}" r:id="r{number}"/>{listed}'  # the last one first
        related += (
            f'<Relationship Id="r{number}" Type="{_RELATED}/slide"'
            f' Target="slides/slide{number}.xml"/>'
        )
    members["ppt/presentation.xml"] = (
        f'<p:presentation xmlns:p="{_SLIDES}" xmlns:r="{_RELATED}"><p:sldIdLst>{listed}'
        "</p:sldIdLst></p:presentation>"
    )
    members["ppt/_rels/presentation.xml.rels"] = _relations(related)
    return zipped(members)


def mobi(
    text: bytes, *, packing: int = 1, locked: int = 0, title: bytes = b"A Kindle Book"
) -> bytes:
    """A Kindle book of one record, which must be packed as ``packing`` says."""
    head = bytearray(248)
    struct.pack_into(">HHIHHH", head, 0, packing, 0, len(text), 1, 4096, locked)
    head[16:20] = b"MOBI"
    struct.pack_into(">III", head, 20, 232, 2, 65001)
    struct.pack_into(">I", head, 36, 6)
    struct.pack_into(">II", head, 84, 248, len(title))
    return palm([bytes(head) + title, text])


def palm(records: Sequence[bytes], kind: bytes = b"BOOKMOBI") -> bytes:
    """A Palm database of these records."""
    at = 78 + 8 * len(records) + 2
    listed = b""
    for record in records:
        listed += struct.pack(">II", at, 0)
        at += len(record)
    head = bytearray(78)
    head[60:68] = kind
    struct.pack_into(">H", head, 76, len(records))
    return bytes(head) + listed + b"\0\0" + b"".join(records)


def _slide(*shapes: tuple[str, str]) -> str:
    made = "".join(
        f'<p:sp><p:nvSpPr><p:nvPr><p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:txBody>'
        f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        for kind, text in shapes
        if text
    )
    return (
        f'<p:sld xmlns:p="{_SLIDES}" xmlns:a="{_DRAWING}"><p:cSld><p:spTree>{made}</p:spTree>'
        "</p:cSld></p:sld>"
    )


def _relations(inside: str) -> str:
    return (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{inside}</Relationships>"
    )
