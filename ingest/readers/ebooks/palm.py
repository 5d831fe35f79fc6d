"""How Palm and Kindle books are packed: records, PalmDOC and HUFF/CDIC."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ingest.book import DamagedDocument

MOST_TEXT = 64 << 20  # bytes
_MOST_RECORD = 1 << 20  # bytes that one record may unpack to
_DEEPEST = 40  # phrases of a dictionary that are packed themselves


def damaged(why: str) -> DamagedDocument:
    """The error to raise for a Kindle book; ``why`` completes its message."""
    return DamagedDocument(
        f"The Kindle file is damaged or incomplete: {why}; download or save it again."
    )


def records(data: bytes) -> list[bytes]:
    """The records of a Palm database. Raises DamagedDocument."""
    if len(data) < 80:
        raise damaged("it ends in its header")
    (count,) = struct.unpack_from(">H", data, 76)
    if not count or len(data) < 78 + 8 * count:
        raise damaged("it ends in the list of its records")
    starts = [struct.unpack_from(">I", data, 78 + 8 * n)[0] for n in range(count)]
    ends = [*starts[1:], len(data)]
    if any(a > b for a, b in zip(starts, ends, strict=True)):
        raise damaged("its records are out of order")
    return [data[a:b] for a, b in zip(starts, ends, strict=True)]


def unpack_palmdoc(packed: bytes) -> bytes:
    """A record in PalmDOC's packing, of which each byte may stand for up to ten."""
    out = bytearray()
    at, size = 0, len(packed)
    while at < size:
        code = packed[at]
        at += 1
        if 1 <= code <= 8:
            out += packed[at : at + code]
            at += code
        elif code < 0x80:
            out.append(code)
        elif code >= 0xC0:
            out += bytes((0x20, code ^ 0x80))
        elif at < size:
            pair = ((code << 8) | packed[at]) & 0x3FFF
            at += 1
            back, length = pair >> 3, (pair & 7) + 3
            if not 0 < back <= len(out):
                raise damaged("its text cannot be unpacked")
            for _ in range(length):
                out.append(out[-back])
    return bytes(out)


@dataclass(slots=True)
class Huffman:
    """The dictionary of HUFF/CDIC, from its records."""

    codes: list[tuple[int, bool, int]] = field(default_factory=list)  # length, whole, highest
    lowest: list[int] = field(default_factory=list)
    highest: list[int] = field(default_factory=list)
    phrases: list[tuple[bytes, bool]] = field(default_factory=list)  # and whether unpacked

    @classmethod
    def read(cls, huff: bytes, cdics: list[bytes]) -> Huffman:
        """Raises DamagedDocument."""
        if huff[:8] != b"HUFF\0\0\0\x18" or len(huff) < 16:
            raise damaged("its dictionary is missing")
        first, second = struct.unpack_from(">II", huff, 8)
        made = cls()
        try:
            for value in struct.unpack_from(">256I", huff, first):
                length, whole = value & 0x1F, bool(value & 0x80)
                if length == 0 or (length <= 8 and not whole):
                    raise damaged("its dictionary is malformed")
                made.codes.append((length, whole, (((value >> 8) + 1) << (32 - length)) - 1))
            limits = struct.unpack_from(">64I", huff, second)
        except struct.error as error:
            raise damaged("its dictionary is cut off") from error
        lowest, highest = limits[::2], limits[1::2]
        made.lowest = [0, *(v << (32 - n) for n, v in enumerate(lowest, 1))]
        made.highest = [0, *(((v + 1) << (32 - n)) - 1 for n, v in enumerate(highest, 1))]
        for cdic in cdics:
            made._add(cdic)
        return made

    def _add(self, cdic: bytes) -> None:
        if cdic[:8] != b"CDIC\0\0\0\x10" or len(cdic) < 16:
            raise damaged("a part of its dictionary is missing")
        total, bits = struct.unpack_from(">II", cdic, 8)
        count = min(1 << min(bits, 16), total - len(self.phrases))
        try:
            for offset in struct.unpack_from(f">{max(count, 0)}H", cdic, 16):
                (size,) = struct.unpack_from(">H", cdic, 16 + offset)
                begin = 18 + offset
                phrase = cdic[begin : begin + (size & 0x7FFF)]
                self.phrases.append((phrase, bool(size & 0x8000)))
        except struct.error as error:
            raise damaged("its dictionary is cut off") from error

    def unpack(self, packed: bytes, depth: int = 0) -> bytes:
        """A record unpacked. Raises DamagedDocument."""
        if depth > _DEEPEST:
            raise damaged("its dictionary goes round in circles")
        out = bytearray()
        left = len(packed) * 8
        padded = packed + bytes(8)
        at, shift = 0, 32
        (window,) = struct.unpack_from(">Q", padded, 0)
        while True:
            if shift <= 0:
                at += 4
                (window,) = struct.unpack_from(">Q", padded[at : at + 8].ljust(8, b"\0"), 0)
                shift += 32
            code = (window >> shift) & 0xFFFFFFFF
            length, whole, highest = self.codes[code >> 24]
            if not whole:
                while length <= 32 and code < self.lowest[min(length, 32)]:
                    length += 1
                if length > 32:
                    raise damaged("its text cannot be unpacked")
                highest = self.highest[length]
            shift -= length
            left -= length
            if left < 0:
                return bytes(out)
            out += self._phrase((highest - code) >> (32 - length), depth)
            if len(out) > _MOST_RECORD:
                raise damaged("a part of its text unpacks to too much")

    def _phrase(self, number: int, depth: int) -> bytes:
        if not 0 <= number < len(self.phrases):
            raise damaged("its text names a phrase that is not there")
        phrase, done = self.phrases[number]
        if not done:
            self.phrases[number] = (b"", True)  # should it name itself
            phrase = self.unpack(phrase, depth + 1)
            self.phrases[number] = (phrase, True)
        return phrase
