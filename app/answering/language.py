"""Which language a question or a document is in, and whether the backbone was taught it.

A small model answers in the languages it was taught. A question in another one still finds
passages, because names address them, but its answer is not to be relied on.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

TAUGHT = {"smollm": ("English",)}  # by the beginning of a backbone's name; others are not known
CERTAIN = 0.7  # least probability of the language that is named ...
ENGLISH = 0.02  # ... and largest one of English, at which a question counts as foreign
NAMES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "es": "Spanish", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ru": "Russian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian",
    "zh": "Chinese",
}  # fmt: skip
_SAMPLE = 2_000  # characters of each part of a document
_FEWEST_LETTERS = 40  # of a document whose language can be told
_WORD = re.compile(r"\w+")
_ENGLISH_WORDS = frozenset(
    _WORD.findall(
        """the who whom whose what where when why how which is are does did do and of to that has
        have can could should would tell name list find show summarise summarize hello"""
    )
)


def languages_taught(backbone: str) -> tuple[str, ...] | None:
    """The languages that a backbone was taught, by their English names; None if not known."""
    return next((langs for name, langs in TAUGHT.items() if backbone.startswith(name)), None)


def language_of_text(text: str) -> str | None:
    """The code of a document's language, such as "en"; None where it is not certain.

    Three parts of the text are looked at: a quotation or a contents list at its start misleads.
    """
    parts = [text[at : at + _SAMPLE] for at in (len(text) // 4, len(text) // 2, 3 * len(text) // 4)]
    sample = text if len(text) <= 3 * _SAMPLE else "\n".join(parts)
    if sum(map(str.isalpha, sample)) < _FEWEST_LETTERS:
        return None
    ranked = dict(_identifier().rank(sample))
    best = max(ranked, key=lambda code: ranked[code])
    return best if ranked[best] >= CERTAIN else None


def not_taught(question: str, backbone: str) -> str | None:
    """The language of a question if the backbone was not taught it, else None."""
    known = languages_taught(backbone)
    if known is None:
        return None
    found = language_of(question)
    return None if found in (None, *known) else found


def language_of(question: str) -> str | None:
    """The language of a question by its English name; None where it is not certain."""
    words = {word.lower() for word in _WORD.findall(question)}
    if words & _ENGLISH_WORDS:  # saves loading the model for nearly all English questions
        return "English"
    ranked = dict(_identifier().rank(question))
    best = max(ranked, key=lambda code: ranked[code])
    if best == "en":
        return "English"
    certain = ranked[best] >= CERTAIN and ranked["en"] < ENGLISH
    return NAMES[best] if certain else None


@cache
def _identifier() -> Any:
    from py3langid.langid import (  # type: ignore[import-untyped]  # its model loads slowly
        MODEL_FILE,
        LanguageIdentifier,
    )

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(NAMES))
    return identifier
