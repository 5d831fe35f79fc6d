"""Small files changed at random, in a way that a name and a number give again."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from importlib.resources import files
from random import Random

TOKENS = (
    b"<", b">", b"<!--", b"]]>", b"<![CDATA[", b"&#0;", b"[", b"]", b"<<", b">>", b"(", b")", b"%",
    b"endstream", b"endobj", b"5 0 R", b"0 0 R", b"/Kids", b"/Filter /A85", b"/LZWDecode",
    b"/FlateDecode", b"/Length -1", b"/Encrypt", b"obj", b"stream", b"\0", b"\xff\xfe", b"\n",
    b"99999999999", b"-1", b"1e400", b"PK\x01\x02", b"PK\x05\x06", b"</w:p>", b"<w:p>",
    b"<mc:AlternateContent/>", b"<svg>", b"<nav>", b"</ol>", b"\xed\xa0\x80", b"....", b"    ",
    b"PK\x06\x06", b'"shape":[-1]', b'{"a":', b"null", b"NaN", b"\xff" * 8, b"GGUF",
    b"{", b"}", b"\\par ", b"\\bin9 ", b"\\u-1?", b"\\'e9", b"-->", b"From ", b"<section>",
    b"--b\n",
)  # fmt: skip
_MANIFEST = "manifest.json"
_GGUF_HEAD = 12_000  # bytes before the numbers, in which there is nothing to break
ZIPPED = (".epub", ".docx", ".odt", ".pptx", ".zip", ".bookstate")


def corpus() -> dict[str, bytes]:
    """The committed files, by name."""
    folder = files("lab.bench.hard") / "corpus"
    return {each.name: each.read_bytes() for each in sorted(folder.iterdir(), key=lambda f: f.name)}


def mutated(name: str, data: bytes, number: int) -> bytes:
    """A file with a few changes; in a zip file mostly inside of a member."""
    random = Random(f"{name} {number}")
    if name.endswith(ZIPPED) and random.random() < 0.7:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        chosen = random.choice(sorted(members))
        members[chosen] = changed(members[chosen], random)
        if chosen.startswith("state/") and random.random() < 0.8:
            members[_MANIFEST] = _rehashed(members)
        return _zipped(members)
    if name.endswith(".gguf"):
        return changed(data[:_GGUF_HEAD], random) + data[_GGUF_HEAD:]
    return changed(data, random)


def changed(data: bytes, random: Random) -> bytes:
    """One to five changes of any kind anywhere."""
    for _ in range(random.randint(1, 5)):
        at = random.randint(0, len(data))
        end = min(len(data), at + random.choice((1, 1, 2, 4, 16, 200)))
        piece = data[at:end]
        kind = random.randrange(7)
        if kind == 0:
            piece = b""
        elif kind == 1:
            piece = bytes(random.randrange(256) for _ in piece)
        elif kind == 2:
            piece = bytes(byte ^ (1 << random.randrange(8)) for byte in piece)
        elif kind == 3:
            piece = piece * random.choice((2, 3, 40))
        elif kind == 4:
            piece = random.choice(TOKENS) * random.choice((1, 1, 2, 300)) + piece
        elif kind == 5:
            other = random.randint(0, len(data))
            piece = data[other : other + 40]
        else:
            piece = random.choice(TOKENS)
        data = data[:at] + piece + data[end:]
    return data


def _rehashed(members: dict[str, bytes]) -> bytes:
    """The manifest of an archive with the sizes and hashes of its state as they are."""
    manifest, total = json.loads(members[_MANIFEST]), hashlib.sha256()
    for entry in manifest["state"]:
        blob = members[f"state/{entry['part']}-{entry['segment']:06d}.safetensors"]
        entry |= {"size": len(blob), "sha256": hashlib.sha256(blob).hexdigest()}
        total.update(f"{entry['part']}:{entry['segment']}:{len(blob)}\n".encode() + blob)
    sizes = sum(entry["size"] for entry in manifest["state"])
    manifest["reading"] |= {"state_sha256": total.hexdigest(), "state_bytes": sizes}
    return json.dumps(manifest).encode()


def _zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)  # of 1980; a name alone gets the present time
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()
