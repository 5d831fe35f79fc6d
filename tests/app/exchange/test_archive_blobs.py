"""State blobs that are not what a memory leaves behind: refused by name, with nothing stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from archives import Json, edit_blob, edit_tensors, members, refused, write

from app.storage.store import Store

SLOTS = "state/slots-000002.safetensors"
ADDRESS = "state/address-000000.safetensors"


def put(name: str, tensor: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Json], object]:
    return lambda tensors: tensors.__setitem__(name, tensor(tensors[name]).contiguous())


@pytest.mark.parametrize(
    ("kind", "member", "change", "reason"),
    [
        ("adaptive", SLOTS, put("keys", lambda t: t.float()), "keys in F32, but U8"),
        ("adaptive", SLOTS, put("keys", lambda t: t[:, :3]), r"has keys of shape \[\d+, 3\]"),
        ("adaptive", SLOTS, put("keys", lambda t: t.flatten()), "has keys of shape"),
        ("adaptive", SLOTS, put("keys", lambda t: t[:-1]), "of shape"),
        (
            "adaptive",
            SLOTS,
            put("counts", lambda t: t[:1]),
            "counts of shape|do not fit each other",
        ),
        ("adaptive", SLOTS, put("counts", lambda t: t + 1), "do not fit each other"),
        ("adaptive", SLOTS, put("counts", lambda t: -t), "do not fit each other"),
        ("adaptive", SLOTS, put("places", lambda t: t + 32), "do not fit each other"),
        ("adaptive", SLOTS, put("key_scale", lambda t: t / 0), "not finite"),
        ("adaptive", SLOTS, lambda t: t.pop("keys"), "holds the tensors"),
        ("adaptive", SLOTS, lambda t: t.update(more=torch.zeros(1)), "holds the tensors"),
        ("adaptive", ADDRESS, put("address_keys", lambda t: t[:, :-1]), "address_keys of shape"),
        ("adaptive", ADDRESS, put("address_scale", lambda t: t[:1]), "address_scale of shape"),
        ("adaptive", ADDRESS, put("words", lambda t: t.long()), "words in I64, but I32"),
        (
            "adaptive",
            ADDRESS,
            put("word_counts", lambda t: t[:-1]),
            "words of shape|counts of shape",
        ),
        ("adaptive", ADDRESS, lambda t: t.pop("words"), "holds the tensors"),
        ("infini-delta", "carry", put("M", lambda t: t.half()), "M in F16, but F32"),
        ("infini-delta", "carry", put("M", lambda t: t[..., :4]), "has M of shape"),
        ("infini-delta", "carry", put("z", lambda t: -t), "negative sums"),
        ("infini-delta", "carry", put("z", lambda t: t * float("nan")), "not finite"),
        ("infini-delta", "snapshot", put("z", lambda t: t[:1]), "of shape"),
        ("melodi", "carry", put("keys", lambda t: t[:, :, :-1]), "has keys of shape"),
        ("melodi", "carry", put("z", lambda t: t[:, :, :4]), "has z of shape"),
        ("melodi", "carry", put("windows_written", lambda t: t + 1), "says that .* windows"),
        ("melodi", "snapshot", put("values", lambda t: t / 0), "not finite"),
        ("melodi", "snapshot", put("z", lambda t: t.int()), "z in|impossible|cannot be read"),
    ],
)
def test_tensors_that_this_memory_does_not_leave(
    store: Store,
    exported: dict[str, Path],
    tmp_path: Path,
    kind: str,
    member: str,
    change: Callable[[Json], object],
    reason: str,
) -> None:
    content = members(exported[kind])
    name = next(n for n in content if member in n)
    content = edit_blob(content, name, lambda blob: edit_tensors(blob, change))
    refused(store, write(tmp_path / "f.zip", content), reason)


def header(blob: bytes, change: Callable[[Json], object], rest: bytes = b"") -> bytes:
    """A blob whose safetensors header was altered in place, with more bytes at its end."""
    size = int.from_bytes(blob[:8], "little")
    parsed = json.loads(blob[8 : 8 + size])
    change(parsed)
    text = json.dumps(parsed).encode()
    return len(text).to_bytes(8, "little") + text + blob[8 + size :] + rest


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b"", "state.*size|manifest is invalid"),
        (lambda b: b[:7], "header does not fit"),
        (lambda b: b"\xff" * 8 + b[8:], "header does not fit"),
        (lambda b: b[:-1], "is cut off"),
        (lambda b: b + b"x", "too many bytes"),
        (lambda b: b[:8] + b"!" + b[9:], "header cannot be read"),
        (lambda b: header(b, lambda h: h.pop("__metadata__")), "header cannot be read"),
        (lambda b: header(b, lambda h: h["__metadata__"].update(bookstate="2")), "has the format"),
        (lambda b: header(b, lambda h: h["__metadata__"].update(more="2")), "has the format"),
        (lambda b: header(b, lambda h: h["keys"].update(shape=[-1, 8])), "header cannot be read"),
        (lambda b: header(b, lambda h: h["keys"].update(shape=[2**62, 8])), "is not where"),
        (lambda b: header(b, lambda h: h["keys"].update(dtype="F64")), "header cannot be read"),
        (lambda b: header(b, lambda h: h["keys"].update(data_offsets=[0, 8])), "is not where"),
        (
            lambda b: header(b, lambda h: h["keys"].update(data_offsets=[8])),
            "header cannot be read",
        ),
    ],
)
def test_blobs_that_are_no_safetensors_of_ours(
    store: Store,
    exported: dict[str, Path],
    tmp_path: Path,
    change: Callable[[bytes], bytes],
    reason: str,
) -> None:
    content = edit_blob(members(exported["adaptive"]), SLOTS, change)
    refused(store, write(tmp_path / "f.zip", content), reason)
