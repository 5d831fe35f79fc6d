"""A GGUF file's structure: everything before its numbers, read with a limit on every count.

The library `gguf` maps the whole file, which the limits of the child do not allow, and believes its
counts. This reads the few kilobytes to megabytes at the beginning, and checks that all tensors lie
inside the file. What has passed is then converted by the libraries that know every kind of number.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ingest.book import DamagedDocument, TooLarge, UnsupportedFormat

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
MOST_KEYS, MOST_TENSORS = 4_096, 16_384
MOST_HEAD = 64 << 20  # bytes before the first tensor
LONGEST_NAME, LONGEST_TEXT, LONGEST_LIST = 256, 1 << 20, 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_NUMBERS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_TEXT, _LIST = 8, 9
# Bytes and numbers of a block of each type of tensor that transformers converts.
_BLOCKS = {
    0: (4, 1), 1: (2, 1), 2: (18, 32), 3: (20, 32), 6: (22, 32), 7: (24, 32), 8: (34, 32),
    10: (84, 256), 11: (110, 256), 12: (144, 256), 13: (176, 256), 14: (210, 256),
    15: (292, 256), 16: (66, 256), 17: (74, 256), 18: (98, 256), 19: (50, 256), 20: (18, 32),
    21: (110, 256), 22: (82, 256), 23: (136, 256), 29: (56, 256), 30: (2, 1),
}  # fmt: skip
Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class GgufOutline:
    """What a GGUF file says about its model."""

    family: str
    name: str
    tensors: int
    parameters: int
    vocabulary: int


@dataclass(slots=True)
class _Head:
    """Reads values one after the other. Raises DamagedDocument at the end of the file."""

    stream: BinaryIO
    at: int = 0
    lists: dict[str, int] = field(default_factory=dict)

    def take(self, count: int) -> bytes:
        self.at += count
        if self.at > MOST_HEAD:
            raise TooLarge(
                f"The model file has more than {MOST_HEAD >> 20} MiB before its first tensor, "
                "which is the limit; choose another file of this model."
            )
        data = self.stream.read(count)
        if len(data) < count:
            raise damaged("it ends in the middle")
        return data

    def number(self, form: str) -> int:
        (value,) = struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))
        return int(value)

    def count(self, most: int, what: str) -> int:
        found = self.number("Q")
        if found > most:
            raise TooLarge(
                f"The model file has {found:,} {what} and the limit is {most:,}; choose another "
                "file of this model."
            )
        return found

    def text(self, most: int = LONGEST_TEXT) -> str:
        return self.take(self.count(most, "bytes in one text")).decode("utf-8", "replace")

    def name(self) -> str:
        name = self.text(LONGEST_NAME)
        if not _NAME.fullmatch(name):
            raise damaged(f"a name in it is {name!r:.80}")
        return name

    def value(self, key: str) -> Value:
        kind = self.number("I")
        if kind == _LIST:
            self.lists[key] = self.skip_list()
            return ""
        return self.single(kind)

    def single(self, kind: int) -> Value:
        if kind == _TEXT:
            return self.text()
        if kind not in _NUMBERS:
            raise damaged(f"a value in it has the unknown type {kind}")
        form = f"<{_NUMBERS[kind]}"
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]

    def skip_list(self) -> int:
        kind, count = self.number("I"), self.count(LONGEST_LIST, "values in one list")
        if kind == _LIST:
            raise damaged("a list in it holds lists")
        if kind in _NUMBERS:
            self.take(count * struct.calcsize(f"<{_NUMBERS[kind]}"))
        else:
            for _ in range(count):
                self.single(kind)
        return count


def read_gguf(path: Path) -> GgufOutline:
    """Check the structure of a GGUF file. Raises DamagedDocument, TooLarge or UnsupportedFormat."""
    try:
        with path.open("rb") as stream:
            return _outline(_Head(stream), path.stat().st_size)
    except OSError as error:
        raise damaged(f"it cannot be opened ({error.strerror})") from error


def _outline(head: _Head, size: int) -> GgufOutline:
    if head.take(4) != b"GGUF":
        raise UnsupportedFormat(
            "The file is not a GGUF file; choose one whose name ends in .gguf, or give --backbone "
            "a Hugging Face folder."
        )
    version = head.number("I")
    if version not in (2, 3):
        raise UnsupportedFormat(
            f"The GGUF file has the version {version}, but only 2 and 3 can be read; convert it "
            "with a newer program."
        )
    tensors = head.count(MOST_TENSORS, "tensors")
    keys = head.count(MOST_KEYS, "keys")
    values: dict[str, Value] = {}
    for _ in range(keys):
        key = head.name()
        if key in values:
            raise damaged(f"it has {key} twice")
        values[key] = head.value(key)
    family = values.get("general.architecture")
    if family not in FAMILIES:
        raise UnsupportedFormat(
            f"The model is of the family {family!r:.80}, but only {', '.join(FAMILIES)} can be "
            "used; choose another model."
        )
    vocabulary = head.lists.get("tokenizer.ggml.tokens", 0)
    if not vocabulary:
        raise damaged("it has no list of tokens")
    _check_sizes(values, str(family))
    parameters = sum(_tensors(head, tensors, _alignment(values), size))
    name = values.get("general.name")
    return GgufOutline(
        str(family), name[:200] if isinstance(name, str) else "", tensors, parameters, vocabulary
    )


def _check_sizes(values: dict[str, Value], family: str) -> None:
    """The sizes of the model are what sizes can be."""
    for name, most in (
        ("block_count", 1_000),
        ("embedding_length", 1 << 17),
        ("feed_forward_length", 1 << 20),
        ("attention.head_count", 4_096),
    ):
        value = values.get(f"{family}.{name}")
        if type(value) is not int or not 0 < value <= most:
            raise damaged(f"its {family}.{name} is {value!r:.80}, but must be from 1 to {most:,}")


def _alignment(values: dict[str, Value]) -> int:
    alignment = values.get("general.alignment", 32)
    if type(alignment) is not int or alignment not in (8, 16, 32, 64, 128, 256, 4096):
        raise damaged(f"its general.alignment is {alignment!r:.80}")
    return alignment


def _tensors(head: _Head, count: int, alignment: int, size: int) -> Iterator[int]:
    """The number of numbers in each tensor; all lie inside the file, and none in another."""
    places, names = [], set()
    for _ in range(count):
        name, dimensions = head.name(), head.number("I")
        if name in names or not 0 < dimensions <= 4:
            raise damaged(f"its tensor {name} is there twice or has {dimensions} dimensions")
        names.add(name)
        shape = [head.number("Q") for _ in range(dimensions)]
        kind, offset = head.number("I"), head.number("Q")
        if kind not in _BLOCKS:
            raise UnsupportedFormat(
                f"The model's tensor {name} is packed in the unknown way {kind}; choose another "
                "file of this model, such as one whose name says Q4_0, Q8_0 or F16."
            )
        taken, block = _BLOCKS[kind]
        numbers = math.prod(shape)
        if not 0 < numbers < 1 << 40 or shape[0] % block or offset % alignment:
            raise damaged(f"its tensor {name} has an impossible shape or place")
        places.append((offset, offset + numbers // block * taken, name))
        yield numbers
    start = head.at + -head.at % alignment
    before = 0
    for offset, end, name in sorted(places):
        if offset < before or start + end > size:
            raise damaged(f"its tensor {name} lies in another one or outside of the file")
        before = end


def damaged(why: str) -> DamagedDocument:
    """The error to raise for a file; ``why`` completes its message."""
    return DamagedDocument(f"The model file is damaged: {why}; download it again.")
