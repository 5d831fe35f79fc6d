"""Bytes to characters: byte order mark, UTF-8, UTF-16 without a mark, else by detection."""

from __future__ import annotations

import codecs
import re

from charset_normalizer import from_bytes

from ingest.book import UnsupportedFormat

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 1 << 16
# What Western European texts hold beyond ASCII.
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŸŒ"
    "“”„‘’‚—–…«»‹›°£§©®€¡¿·•†‡ªº½¼¾×\xa0\xad"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes, declared: str | None = None) -> str:
    """The characters of ``data``; ``declared`` is the encoding that the document names.

    Raises UnsupportedFormat where the bytes are not text in any known encoding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    for guess in (declared, "utf-8", _wide(data)):
        decoded = _try(data, guess) if guess else None
        if decoded is not None and "\0" not in decoded[:_SAMPLE]:
            return decoded
    if looks_binary(data):
        raise UnsupportedFormat(
            "The file holds binary data, not text; convert it to PDF, EPUB, DOCX, HTML or"
            " plain text."
        )
    return _detected(data)


def looks_binary(data: bytes) -> bool:
    """Whether the first 64 KiB hold control bytes as no text does."""
    sample = data[:_SAMPLE]
    return len(_CONTROLS.findall(sample)) * 200 > len(sample)


def _try(data: bytes, encoding: str) -> str | None:
    try:
        if not codecs.lookup(encoding)._is_text_encoding:
            return None
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _wide(data: bytes) -> str | None:
    """UTF-16's byte order by where the zero bytes are: most text has one in every pair."""
    sample = data[: min(len(data), _SAMPLE) & ~1]
    if len(data) % 2 or not sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 5 < len(sample) // 2 or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _detected(data: bytes) -> str:
    western = _try(data, "cp1252")
    if western is not None and _is_western(western[:_SAMPLE]):
        return western
    best = from_bytes(data[:_SAMPLE]).best()
    decoded = _try(data, best.encoding if best else "cp1252") or western
    return data.decode("latin-1") if decoded is None else decoded


def _is_western(text: str) -> bool:
    """Whether Windows-1252 fits: by far the most common, and short texts mislead statistics."""
    letters = sum(character.isalpha() for character in text)
    high = [character for character in text if not character.isascii()]
    accented = sum(character.isalpha() for character in high)
    return _WESTERN.issuperset(high) and 4 * accented <= letters
