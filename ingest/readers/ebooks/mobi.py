"""Kindle books without rights management (.mobi, .azw3, .prc) and PalmDOC texts."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from ingest.book import Book, ProtectedDocument, TooLarge, UnsupportedFormat
from ingest.readers.charset import decode
from ingest.readers.compose import Draft, clean, compose, title_from
from ingest.readers.ebooks.palm import MOST_TEXT, Huffman, damaged, records, unpack_palmdoc
from ingest.readers.markup import MarkupText
from ingest.readers.markup_tree import parse

KINDS = (b"BOOKMOBI", b"TEXtREAd")
_PLAIN, _PALMDOC, _HUFFMAN = 1, 2, 17480
_NONE = 0xFFFFFFFF
_DOCUMENT = re.compile(
    r"<\?xml[^<>]{0,200}\?>|<!DOCTYPE[^<>]{0,300}>|</?(?:html|body)(?:\s[^<>]{0,500})?>", re.I
)
_MARKUP = re.compile(r"<(?:html|body|p|div|h[1-6])[\s>]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Head:
    """What the first record says."""

    packing: int
    count: int  # of records with text
    encoding: str
    version: int
    huffman: tuple[int, int]  # first record of the dictionary, and how many
    trailing: int  # flags of what follows the text in each record
    flows: int  # the record that says where the text ends and styles begin
    fields: dict[int, str]


def read_mobi(data: bytes, name: str) -> Book:
    """A Kindle book as a Book.

    Raises ProtectedDocument for one with rights management, DamagedDocument, TooLarge,
    EmptyDocument, and UnsupportedFormat for a packing that is not known.
    """
    found = records(data)
    head = _head(found[0], mobi=data[60:68] == b"BOOKMOBI")
    raw = _text(found, head)
    text = raw.decode(head.encoding, errors="replace")
    titles = (head.fields.get(503), head.fields.get(99))
    author = head.fields.get(100, "")
    if not _MARKUP.search(text[:20_000]):
        plain = clean(decode(raw) if head.version == 0 else text)
        return compose(Draft("mobi", plain, title_from(name, *titles), author))
    flow = MarkupText()
    # Newer books are many documents one after the other; as one they are parsed in their order.
    flow.add(parse(f"<html><body>{_DOCUMENT.sub(' ', text)}</body></html>", xml=head.version >= 8))
    title = title_from(name, *titles)
    return compose(Draft("mobi", flow.text(), title, author, marks=flow.headings))


def _head(first: bytes, *, mobi: bool) -> _Head:
    """What the first record says. Raises DamagedDocument or ProtectedDocument."""
    try:
        packing, _, _, count, _, locked = struct.unpack_from(">HHIHHH", first)
        if locked:
            raise ProtectedDocument(
                "The Kindle file is locked by digital rights management; use a copy without it."
            )
        if not mobi or first[16:20] != b"MOBI":
            return _Head(packing, count, "cp1252", 0, (0, 0), 0, _NONE, {})
        size, _, page = struct.unpack_from(">III", first, 20)
        (version,) = struct.unpack_from(">I", first, 36)
        huffman = struct.unpack_from(">II", first, 112) if packing == _HUFFMAN else (0, 0)
        trailing = struct.unpack_from(">H", first, 242)[0] if size >= 228 else 0
        flows = struct.unpack_from(">I", first, 192)[0] if version >= 8 and size >= 184 else _NONE
        encoding = "utf-8" if page == 65001 else "cp1252"
        fields = _fields(first, size, encoding)
        start, length = struct.unpack_from(">II", first, 84)
        fields[99] = first[start : start + min(length, 1_000)].decode(encoding, errors="replace")
    except struct.error as error:
        raise damaged("it ends in its header") from error
    return _Head(packing, count, encoding, version, huffman, trailing, flows, fields)


def _fields(first: bytes, size: int, encoding: str) -> dict[int, str]:
    """The fields of the extended header, such as 100 for the author and 503 for the title."""
    fields: dict[int, str] = {}
    at = 16 + size
    if first[at : at + 4] != b"EXTH":
        return fields
    (count,) = struct.unpack_from(">I", first, at + 8)
    at += 12
    for _ in range(min(count, 1_000)):
        kind, length = struct.unpack_from(">II", first, at)
        value = first[at + 8 : at + max(length, 8)][:1_000].decode(encoding, errors="replace")
        fields[kind] = f"{fields[kind]}, {value}" if kind == 100 and kind in fields else value
        at += max(length, 8)
    return fields


def _text(found: list[bytes], head: _Head) -> bytes:
    """The text of all records. Raises DamagedDocument, TooLarge or UnsupportedFormat."""
    unpack: Callable[[bytes], bytes] = unpack_palmdoc
    if head.packing == _HUFFMAN:
        start, count = head.huffman
        if not 0 < start < len(found):
            raise damaged("its dictionary is missing")
        unpack = Huffman.read(found[start], found[start + 1 : start + count]).unpack
    elif head.packing == _PLAIN:
        unpack = bytes
    elif head.packing != _PALMDOC:
        raise UnsupportedFormat(
            "The Kindle file is packed in an unknown way; convert it to EPUB, e.g. with Calibre."
        )
    parts: list[bytes] = []
    size = 0
    for record in found[1 : head.count + 1]:
        parts.append(unpack(_without_trailing(record, head.trailing)))
        size += len(parts[-1])
        if size > MOST_TEXT:
            raise TooLarge(
                f"The Kindle file unpacks to more than {MOST_TEXT >> 20} MiB of text, which is the"
                " limit; split it into smaller documents."
            )
    raw = b"".join(parts)
    return raw[: _end(found, head, len(raw))]


def _without_trailing(record: bytes, flags: int) -> bytes:
    """A record without what follows its text, whose size stands at its end."""
    for bit in range(15, 0, -1):
        if flags >> bit & 1:
            size = 0
            for byte in record[-4:]:
                size = 0 if byte & 0x80 else size
                size = (size << 7) | (byte & 0x7F)
            record = record[: max(0, len(record) - size)]
    if flags & 1 and record:
        record = record[: max(0, len(record) - (record[-1] & 3) - 1)]
    return record


def _end(found: list[bytes], head: _Head, size: int) -> int:
    """Where the text ends in what was unpacked: styles and pictures follow it."""
    if not 0 < head.flows < len(found):
        return size
    flows = found[head.flows]
    if flows[:4] != b"FDST" or len(flows) < 20:
        return size
    end = int(struct.unpack_from(">I", flows, 16)[0])
    return end if 0 < end <= size else size
