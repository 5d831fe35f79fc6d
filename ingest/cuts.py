"""Where a text may be cut: at the ends of paragraphs, sentences, clauses and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

# Possessive quantifiers keep matching linear in time on hostile input (runs of dots or spaces).
PARAGRAPH_END = r"\n(?:[^\S\n]*+\n)++\s*+"
_ABBREVIATIONS = (
    "Mr Mrs Ms Dr St Sr Jr Mme Mlle Messrs Prof Rev Hon Gen Col Capt Lt Sgt Maj Esq Gov Sen"
    " Rep Mt No no vol Vol pp cf viz vs ed Fig fig Ch ch Sec sec art Inc Ltd Co"
)
# One look back for each length, as Python looks back over a fixed length only.
_NOT_ABBREVIATED = "".join(
    rf"(?<!\b(?:{'|'.join(words)})\.)"
    for _, words in groupby(sorted(_ABBREVIATIONS.split(), key=len), key=len)
)
# A dot after a single letter ("J. R.", "i.e.") does not end a sentence; after "I" or "a" it may.
_NOT_INITIAL = r"(?<!\b[A-HJ-Z]\.)(?<!\.[a-z]\.)"
SENTENCE_END = (
    rf"(?:[.!?…]{_NOT_ABBREVIATED}{_NOT_INITIAL}[\"'”’»)\]_*]*+\s++(?![a-zà-ÿ])"
    r"|[。！？][」』”’）]*+\s*+)"
)
LINE_END = r"\n"
CLAUSE_END = r"(?:[,;:][\"'”’)\]]*+\s++|--|[—–，；：、])"
WORD_END = r"\s++"
# A heading of Markdown ends where its line does, also when the text goes on in the next line.
_HEADING_END = r"(?m:^#{1,6}[ \t][^\n]*+\n\s*+|^(?:={3,}+|-{3,}+)[ \t]*+\n\s*+)"

_STOPS = re.compile(f"{PARAGRAPH_END}|{_HEADING_END}|{SENTENCE_END}")
_CLAUSES = re.compile(f"{LINE_END}|{CLAUSE_END}")
_PARAGRAPHS = re.compile(PARAGRAPH_END)
_WORDS = re.compile(WORD_END)


def sentence_ends(text: str) -> list[int]:
    """Offsets just after each sentence or paragraph and the white space after it, ascending."""
    return list(each_sentence_end(text))


def each_sentence_end(text: str) -> Iterator[int]:
    """What ``sentence_ends`` lists, one by one: a hostile text has one after every character."""
    return (match.end() for match in _STOPS.finditer(text))


def each_clause_end(text: str) -> Iterator[int]:
    """Offsets just after each line, and each clause and the white space after it, ascending."""
    return (match.end() for match in _CLAUSES.finditer(text))


def even_cuts(text: str, size: int, *, paragraphs_only: bool = False) -> list[int]:
    """Offsets that cut ``text`` into pieces of about ``size`` characters (0.75 to 1.25 times).

    A piece ends with a paragraph if one ends in that range, else with a sentence, else with a word,
    else anywhere. ``paragraphs_only`` extends the range to twice the size. The last piece may be
    shorter, but not shorter than a quarter of ``size`` unless it is the only one. Returns the inner
    cuts only: [] for a text of one piece.
    """
    cuts: list[int] = []
    start = 0
    reach = 2.0 if paragraphs_only else 1.25
    while len(text) - start > size * 1.25:
        near, far = start + size * 3 // 4, min(len(text), start + int(size * reach))
        cut = _nearest(text, start + size, max(near, start + 1), far)
        if len(text) - cut < max(1, size // 4):
            break
        cuts.append(cut)
        start = cut
    return cuts


def _nearest(text: str, wanted: int, near: int, far: int) -> int:
    """The end of a paragraph, else a sentence, else a word in [near, far] nearest to ``wanted``."""
    for pattern in (_PARAGRAPHS, _STOPS, _WORDS):
        ends = [m.end() for m in pattern.finditer(text, near - 1, far) if m.end() >= near]
        # White space that continues beyond the range is not cut in its middle.
        ends = [end for end in ends if end < far or not text[far : far + 1].isspace()]
        if ends:
            return min(ends, key=lambda end: abs(end - wanted))
    return min(wanted, far)
