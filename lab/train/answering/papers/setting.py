"""A setting: the world that a paper belongs to, with its own people, sums, things and rules."""

from __future__ import annotations

from dataclasses import dataclass, field

from lab.train.answering.papers.wording import entries
from memory_models.errors import BadData

WORDS = (
    "roles", "bodies", "actors", "fees", "events", "tasks", "acts", "offences", "things", "spots",
    "topics", "outcomes", "reasons", "duties", "deeds", "terms", "steps", "hazards", "limits",
    "fillers",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """Words by what they are for. Phrases of two parts are split by `=`, of three by `|`."""

    name: str
    words: dict[str, tuple[str, ...]] = field(hash=False)

    def __post_init__(self) -> None:
        missing = [key for key in WORDS if not self.words.get(key)]
        if missing or len(self.words) > len(WORDS):
            raise BadData(f"Setting {self.name!r} needs words for each of {WORDS}, not {missing}.")


def setting(name: str, **blocks: str) -> Setting:
    """A setting from blocks of entries that semicolons separate."""
    return Setting(name, {key: entries(block) for key, block in blocks.items()})
