"""What may be the name of a tag, and which names are the same tag."""

from __future__ import annotations

import unicodedata

from app.errors import InvalidSetting

LONGEST_TAG = 60  # characters
MOST_TAGS = 50  # of a document
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn")  # Unicode's controls, formats and surrogates
_JOINERS = "\u200c\u200d"  # which Persian, Hindi and emoji need


def tag_name(given: str) -> str:
    """A tag as it is stored, with single spaces. Raises InvalidSetting with the limit."""
    name = unicodedata.normalize("NFC", " ".join(given.split()))
    if not name.strip(_JOINERS):
        raise InvalidSetting("A tag is blank; enter at least one character.")
    if len(name) > LONGEST_TAG:
        raise InvalidSetting(
            f"The tag {name[:20]!r}... has {len(name):,} characters and the limit is "
            f"{LONGEST_TAG}; choose a shorter one."
        )
    if "," in name:
        raise InvalidSetting(
            f"The tag {name!r} has a comma, which separates tags; leave it out, or give two tags."
        )
    if any(unicodedata.category(c) in _INVISIBLE and c not in _JOINERS for c in name):
        raise InvalidSetting(
            f"The tag {name!a:.80} has characters that cannot be seen; type it again without them."
        )
    return name


def tag_key(given: str) -> str:
    """What is the same for all spellings of a tag that count as one."""
    name = unicodedata.normalize("NFC", " ".join(given.split()))
    folded = unicodedata.normalize("NFC", name.casefold())
    return folded.encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates
