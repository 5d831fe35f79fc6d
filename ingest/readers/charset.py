"""Decodes text: by its byte order mark, or as UTF-8 or UTF-16, or else in a detected encoding."""

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
_SAMPLE = 1 << 16  # bytes or characters that a guess is based on
# The characters beyond ASCII that Western European texts have.
_WESTERN = frozenset(
    "àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜŸŒ"
    "“”„‘’‚—–…«»‹›°£§©®€¡¿·•†‡ªº½¼¾×\xa0\xad"
)
# Python's own encodings that no document is written in; some take quadratic time.
_NO_ENCODINGS = frozenset(
    {"idna", "mbcs", "oem", "palmos", "punycode", "undefined"}
    | {"unicode-escape", "raw-unicode-escape"}
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def decode(data: bytes, declared: str | None = None) -> str:
    """``data`` as text; ``declared`` is the encoding that the document itself names.

    Raises UnsupportedFormat for binary data.
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
            "The file contains binary data, not text; convert it to PDF, EPUB, DOCX, HTML or"
            " plain text."
        )
    return _detected(data)


def looks_binary(data: bytes) -> bool:
    """Whether more than one in 200 of the first 64 KiB are control bytes, which no text has."""
    sample = data[:_SAMPLE]
    return len(_CONTROLS.findall(sample)) * 200 > len(sample)


def _try(data: bytes, encoding: str) -> str | None:
    """``data`` decoded, or None if that fails or the encoding is unknown."""
    try:
        found = codecs.lookup(encoding)
        if not found._is_text_encoding or found.name.replace("_", "-") in _NO_ENCODINGS:
            return None
        return data.decode(encoding)
    except (UnicodeError, LookupError):
        return None


def _wide(data: bytes) -> str | None:
    """The variant of UTF-16 that the zero bytes show, or None if the data are not UTF-16.

    In most text in UTF-16, one byte of each pair is zero.
    """
    sample = data[: min(len(data), _SAMPLE) & ~1]
    if len(data) % 2 or not sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 5 < len(sample) // 2 or min(even, odd) * 10 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _detected(data: bytes) -> str:
    """``data`` decoded in the most likely encoding; in Latin-1 if no other fits."""
    western = _try(data, "cp1252")
    if western is not None and _is_western(western[:_SAMPLE]):
        return western
    best = from_bytes(data[:_SAMPLE]).best()
    decoded = _try(data, best.encoding if best else "cp1252") or western
    return data.decode("latin-1") if decoded is None else decoded


def _is_western(text: str) -> bool:
    """Whether a text decoded as Windows-1252 looks right.

    This encoding is tried first because it is by far the most common, and the statistics of a short
    text can mislead detection.
    """
    letters = sum(character.isalpha() for character in text)
    high = [character for character in text if not character.isascii()]
    accented = sum(character.isalpha() for character in high)
    return _WESTERN.issuperset(high) and 4 * accented <= letters
