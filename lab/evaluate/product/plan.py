"""What `bookstate bench answers` is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from app.answering.confidence import Looks
from app.errors import InvalidSetting
from lab.plan import option

KINDS = (
    "invented", "facts", "articles", "stories", "everyday", "wrong", "papers", "follow-ups",
    "whole",
)  # fmt: skip
PARTS = ("fit", "test")
_LOOK = re.compile(r"(\d+)(?:x([1-9]\d*))?(?:@(\d+(?:\.\d+)?))?")
ONLY_IN = {"everyday": "test", "invented": "test", "papers": "fit"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ProductPlan:
    """`bench answers`."""

    stories: Path = option(kind="data", help="Stories with questions and a split named val.")
    articles: Path = option(kind="data", help="Articles with questions, some unanswerable.")
    facts: Path = option(kind="data", help="Short passages with a question each.")
    books: Path = option(kind="data", help="Books to plant passages in.")
    kinds: tuple[str, ...] = option(
        ("invented", "facts", "articles", "stories", "everyday", "wrong"),
        commas=True,
        help=f"What to ask about: {', '.join(KINDS)}.",
    )
    part: str = option("test", help="fit: what confidence is fitted on; test: the rest.")
    limit: int = option(200, minimum=1, help="Most questions of each kind.")
    seed: int = option(0, help="Seed of everything random.")
    looks: tuple[str, ...] = option(
        ("",),
        commas=True,
        help="Ways to look: first, or MARGINxSENTENCES@WEIGHT of the second look, such as 40, 8x3 "
        "or 8x3@1; that of the calibration without.",
    )
    out: Path | None = option(None, kind="output", help="File for every answer, .jsonl.")

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise InvalidSetting(
                f"Kind {unknown[0]!r} is not known; choose from {', '.join(KINDS)}."
            )
        if self.part not in PARTS:
            raise InvalidSetting(f"Part {self.part!r} is not known; choose fit or test.")
        for kind in self.kinds:
            if ONLY_IN.get(kind, self.part) != self.part:
                raise InvalidSetting(f"Kind {kind} is only in part {ONLY_IN[kind]}.")
        for look in self.looks:
            looks_of(look, Looks())


def looks_of(name: str, usual: Looks) -> Looks:
    """How the product looks under this name. Raises InvalidSetting."""
    if name in ("", "first"):
        return replace(usual, second=name == "")
    found = _LOOK.fullmatch(name)
    if found is None:
        raise InvalidSetting(
            f"Look {name!r} is not known; give first, or a number of tokens such as 40, 8x3, 8x3@1."
        )
    margin, sentences, weight = found.groups()
    return replace(
        usual,
        second=True,
        margin=int(margin),
        sentences=int(sentences or 1),
        decided=float(weight) if weight else usual.decided,
    )
