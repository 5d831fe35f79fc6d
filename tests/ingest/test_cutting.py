"""A long text is cut into segments in a process of its own."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer as Fast
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from ingest.book import Book, Chapter, Page, TooLarge, WindowTooSmallError
from ingest.isolation import cutting
from ingest.isolation.cutting import split_apart
from ingest.isolation.limits import Limits
from ingest.isolation.wire import BrokenWire, packed, send
from ingest.segments import split_book
from lab.bench.hard.tiny import byte_level_tokenizer
from memory_models.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json whose tokens are words and marks."""
    fast = Fast(WordLevel({"?": 0}, unk_token="?"))
    fast.pre_tokenizer = Whitespace()
    path = tmp_path_factory.mktemp("backbone") / "tokenizer.json"
    fast.save(str(path))
    return path


def book(paragraphs: int) -> Book:
    text = "".join(
        f"Chapter {n}\n\nThe {n}th boat came in at dusk; nobody saw it. Ünïcode, too: 第{n}章.\n\n"
        for n in range(paragraphs)
    )
    half = text.index(f"Chapter {paragraphs // 2}")
    return Book(
        title="Boats",
        text=text,
        chapters=(Chapter("One", 0, half), Chapter("Two", half, len(text), matter="back")),
        pages=(Page(1, "i", 0, 40), Page(3, "3", 40, len(text))),
        format="text",
    )


def test_the_segments_are_those_that_are_cut_here(tokenizer: Path) -> None:
    whole, count = book(300), Tokenizer.from_file(tokenizer).count
    assert split_apart(whole, tokenizer, 64) == split_book(whole, count, 64)


def test_a_window_that_is_too_small_is_the_same_error(tmp_path: Path) -> None:
    byte_level_tokenizer().save(str(tmp_path / "tokenizer.json"))
    count = Tokenizer.from_folder(tmp_path).count
    with pytest.raises(WindowTooSmallError, match="use a larger window") as here:
        split_book(book(9), count, 2)
    with pytest.raises(WindowTooSmallError) as there:
        split_apart(book(9), tmp_path / "tokenizer.json", 2)
    assert str(there.value) == str(here.value)


def test_time_is_limited(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "SECONDS_PER_MB", 0.0)
    with pytest.raises(TooLarge, match="document's text took more than 1 seconds"):
        split_apart(book(60_000), tokenizer, 64, Limits(seconds=1))


def test_a_text_beyond_the_limit_is_refused(tokenizer: Path) -> None:
    limits = Limits(128 << 20)
    long = "word " * (limits.most_text // 5 + 1)
    whole = Book("t", long, (Chapter("c", 0, len(long)),), (Page(1, "1", 0, len(long)),), "text")
    with pytest.raises(TooLarge, match="more than can be kept"):
        split_apart(whole, tokenizer, 64, limits)


def reply(value: dict[str, object]) -> io.BytesIO:
    stream = io.BytesIO()
    send(stream, packed(value))
    stream.seek(0)
    return stream


def test_only_segments_of_this_book_are_taken() -> None:
    whole = book(2)
    end = len(whole.text)
    right = [[0, 0, 50, 1, 3, 9], [1, 50, end, 3, 3, 9]]
    assert len(cutting._segments(reply({"segments": right}), whole)) == 2  # type: ignore[arg-type]
    wrong = [
        {},
        {"segments": 3},
        {"segments": [[0, 0, end]]},
        {"segments": [[0, 0, "x", 1, 1, 1]]},
        {"segments": [[0, 0, end - 1, 1, 1, 1]]},
        {"segments": [[0, 0, 50, 1, 3, 9], [2, 50, end, 3, 3, 9]]},
        {"segments": [[0, 0, 50, 3, 1, 9], [1, 50, end, 3, 3, 9]]},
        {"window": 3},
    ]
    for value in wrong:
        with pytest.raises(BrokenWire):
            cutting._segments(reply(value), whole)


def test_the_child_that_cuts_imports_no_torch() -> None:
    script = (
        "import sys, ingest.child, ingest.segments, memory_models.tokenizer\n"
        "known = {name.partition('.')[0] for name in sys.modules}\n"
        "print(known & {'torch', 'app', 'lab', 'transformers', 'gradio'})"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done
