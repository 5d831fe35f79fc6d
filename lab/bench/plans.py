"""What the `bookstate bench` commands are asked for: one plan a command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lab.plan import option

BOOKS = "Books, .jsonl.gz."


@dataclass(frozen=True, slots=True)
class PlantedPlan:
    """`bench planted`."""

    data: Path = option(kind="data", help=BOOKS)
    book: str = option("1661", help="Id of the book to plant facts in.")
    wrong: str = option("6455", help="Id of the wrong book.")
    tokens: int = option(33_000, minimum=1000, help="Length of each book.")


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """`bench reading`."""

    data: Path = option(kind="data", help=BOOKS)
    tokens: int = option(300_000, minimum=1000, help="Length of the document.")
    memory: str | None = option(None, help="adaptive, melodi or infini; else that of the settings.")


@dataclass(frozen=True, slots=True)
class WritingPlan:
    """`bench writing`."""

    data: Path = option(kind="data", help=BOOKS)
    windows: int = option(20, minimum=1, help="Windows to read.")


@dataclass(frozen=True, slots=True)
class AskingPlan:
    """`bench asking`."""

    data: Path = option(kind="data", help=BOOKS)
    short: int = option(6_000, minimum=1000, help="Tokens of the short document.")
    long: int = option(130_000, minimum=1000, help="Tokens of the long document.")


@dataclass(frozen=True, slots=True)
class NovelPlan:
    """`bench novel`."""

    data: Path = option(kind="data", help=BOOKS)
    book: str = option("6455", help="Id of the book.")
    questions: Path | None = option(None, kind="data", help="A file with one question a line.")


@dataclass(frozen=True, slots=True)
class SummariesPlan:
    """`bench summaries`."""

    data: Path = option(kind="data", help="Stories with summaries by people.")
    stories: int = option(5, minimum=1, help="Stories to summarize, of those not trained on.")


@dataclass(frozen=True, slots=True)
class RetoldPlan:
    """`bench retold`."""

    data: Path = option(kind="data", help="Stories with summaries by people.")
    texts: Path | None = option(None, kind="data", help="Summaries of whole books, by people.")
    books: Path | None = option(None, kind="data", help="The texts of these books.")
    words: int = option(220, minimum=20, help="Words of each summary.")
    most_words: int = option(80_000, minimum=1, help="Longer books are left out.")
    told: bool = option(True, help="Have the model tell them, too; else only quote.")
    told_books: int = option(6, minimum=0, help="Books that the model tells, the shortest ones.")


@dataclass(frozen=True, slots=True)
class PeoplePlan:
    """`bench people`."""

    books: Path = option(kind="data", help=BOOKS)
    lists: Path | None = option(
        None, kind="data", help="People of books, listed by hand; else those of the tests."
    )


@dataclass(frozen=True, slots=True)
class CitationsPlan:
    """`bench citations`."""

    pages: int = option(350, minimum=30, help="Pages of each book.")
    sentences: int = option(100, minimum=1, help="Sentences of each that are cited.")
    clicks: int = option(20, minimum=2, help="Citations that are clicked in a browser.")
    browser: bool = option(True, help="Measure the clicks, if there is a browser.")


@dataclass(frozen=True, slots=True)
class MutationsPlan:
    """`bench mutations`."""

    names: tuple[str, ...] = option((), commas=True, help="Files of the corpus; else all.")
    count: int = option(20_000, minimum=1, help="Changed files of each.")
    first: int = option(0, minimum=0, help="Number of the first one.")


@dataclass(frozen=True, slots=True)
class HostilePlan:
    """`bench hostile`."""

    data: Path | None = option(None, help="A folder with more files.")
    names: tuple[str, ...] = option((), commas=True, help="Only these files.")
    serve: bool = option(True, help="Upload them to a server, too.")


@dataclass(frozen=True, slots=True)
class KillsPlan:
    """`bench kills`."""

    count: int = option(1_000, minimum=1, help="Kills in all.")
    names: tuple[str, ...] = option((), commas=True, help="Only these commands.")
    seed: int = option(0, minimum=0, help="Chooses the moments.")
    minutes: int = option(0, minimum=0, help="Stop after so many minutes; 0 never.")
    preloaded: bool = option(
        False, help="Fork the commands from a process that has imported everything."
    )


@dataclass(frozen=True, slots=True)
class ThoroughPlan:
    """`bench thorough`."""

    books: Path = option(kind="data", help=BOOKS)
    tokens: int = option(130_000, minimum=1000, help="Length of the document.")
    facts: int = option(20, minimum=1, help="Facts of each of three kinds.")
    seed: int = option(0, minimum=0, help="Chooses values, wordings and places of the facts.")


@dataclass(frozen=True, slots=True)
class CrowdPlan:
    """`bench crowd`."""

    data: Path = option(kind="data", help=BOOKS)
    book: str = option("1661", help="Id of the book that is read and asked.")
    askers: int = option(50, minimum=1, maximum=150, help="Who ask at the same time.")
    readers: int = option(5, minimum=0, help="Who add documents at the same time.")
    seconds: float = option(600.0, minimum=1, help="How long.")
    tokens: int = option(6_000, minimum=100, help="Length of each document, about.")


@dataclass(frozen=True, slots=True)
class AbandonedPlan:
    """`bench abandoned`."""

    data: Path = option(kind="data", help=BOOKS)
    book: str = option("1661", help="Id of the book that is read and asked.")
    requests: int = option(1000, minimum=1, help="Questions that nobody waits for.")
    tokens: int = option(6_000, minimum=100, help="Length of the document, about.")


@dataclass(frozen=True, slots=True)
class OcrPlan:
    """`bench ocr`."""

    pages: int = option(3, minimum=1, help="Pages of known text at each resolution.")
    dpi: tuple[str, ...] = option(("150", "300"), commas=True, help="Resolutions.")
    noise: float = option(12.0, minimum=0, help="Standard deviation of the grey values' noise.")
    skew: float = option(1.0, help="Degrees that the pages are turned by.")
    seed: int = option(0, minimum=0, help="Chooses the noise.")


@dataclass(frozen=True, slots=True)
class DocumentsPlan:
    """`bench documents`."""

    out: Path | None = option(None, kind="output", help="Write a line of JSON for each file here.")
    labels: Path | None = option(None, kind="data", help="Labels of chapters; else the own list.")
    only_labelled: bool = option(False, help="Only the files that the labels name.")
