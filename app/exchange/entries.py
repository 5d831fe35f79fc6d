"""Parts of a manifest that are the same in every version of the format."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.errors import InvalidArchive
from app.storage.store import LONGEST_TITLE

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Whole = Annotated[int, Field(ge=0, le=2**53)]
Positive = Annotated[int, Field(ge=1, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
Short = Annotated[str, StringConstraints(max_length=LONGEST_TITLE)]
FileName = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^/\\\x00-\x1f]*$")]


class Strict(BaseModel):
    """A part with exactly these fields, of exactly these types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PageEntry(Strict):
    """A page; `number` counts from 1, `label` is as printed."""

    number: Whole
    label: Short
    start: Whole
    end: Whole


class BlobEntry(Strict):
    """One member of the archive that holds a part of the state."""

    part: Literal["address", "carry", "slots", "snapshot"]
    segment: Whole
    size: Positive
    sha256: Sha256

    @property
    def member(self) -> str:
        """The name that this part must have in the archive."""
        return f"state/{self.part}-{self.segment:06d}.safetensors"


class ToldEntry(Strict):
    """A sentence of a summary, and the pages that it was made from."""

    text: str
    page_first: Whole
    page_last: Whole


class SummaryEntry(Strict):
    """A stored summary; chapter 0 is the whole book, and -n the story to the end of chapter n."""

    chapter: Annotated[int, Field(ge=-1_000_000)]
    title: Short
    summary: str
    sentences: tuple[ToldEntry, ...] = ()


class PlaceEntry(Strict):
    """A segment where the memory looked for an answer, and its share of the attention."""

    segment: Whole
    chapter: Positive
    page_first: Whole
    page_last: Whole
    weight: Share
    text: str
    label_first: Short = ""
    label_last: Short = ""


class EvidenceEntry(Strict):
    """Sentences that the memory pointed at for an answer; offsets are into the whole text."""

    text: str
    start: Whole
    end: Whole
    segment: Whole
    chapter: Positive
    page_first: Whole
    page_last: Whole
    label_first: Short
    label_last: Short
    weight: Share


class ItemEntry(Strict):
    """One answer of a thorough list: how often it was found, and where."""

    answer: str
    count: Positive
    evidence: tuple[EvidenceEntry, ...]


class MessageEntry(Strict):
    """One message of a chat, with the sources and the evidence of an answer."""

    role: Literal["user", "assistant"]
    text: str
    confidence: Share | None
    sources: tuple[PlaceEntry, ...]
    evidence: tuple[EvidenceEntry, ...] = ()  # missing in exports of version 0.3
    created_at: Time
    word: Literal["", "sure", "likely", "guess"] = ""  # these four: exports of before have none
    about: str = ""
    reading_id: Short = ""
    items: tuple[ItemEntry, ...] = ()
    looked: Whole = 0


class ChatEntry(Strict):
    """A stored conversation."""

    title: Short
    created_at: Time
    messages: tuple[MessageEntry, ...]


class CitationEntry(Strict):
    """Where a kept text stands; offsets are into the whole text."""

    text: str
    start: Whole
    end: Whole
    page_first: Whole
    page_last: Whole
    label_first: Short
    label_last: Short
    reading_id: Short


class NoteEntry(Strict):
    """What the reader kept in the notebook."""

    kind: Literal["answer", "passage", "summary", "note"]
    text: str
    question: str
    remark: str
    citations: tuple[CitationEntry, ...]
    created_at: Time


def refused(why: str) -> InvalidArchive:
    """The error for a manifest; `why` says what is wrong with it."""
    return InvalidArchive(f"The archive's manifest is invalid: {why}; export the document again.")
