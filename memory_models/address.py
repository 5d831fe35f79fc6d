"""Addressing: which windows of a book a question is about.

Some attention heads of the backbone already match a question with the place that answers it. All
keys of those heads are kept. A window's score for a head is the mean over the question's tokens of
the largest query-key product with the window's slots, keys rotated at their places and queries all
at one fixed place behind the window; scores are standardised over windows and summed over heads.
A trained addresser (`memory_models/memories/addresser.py`) maps the queries and weighs the matches
instead; queries and keys are then compared before RoPE. The score of the words that question and
window share is added (`memory_models/word_index.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from memory_models.decoder import Decoder, dot_attention, rotate
from memory_models.errors import BrokenState, InvalidRequest
from memory_models.memory import Bundle
from memory_models.quantize import hadamard, pack_nibbles, quantize, unpack_nibbles
from memory_models.word_index import WordIndex

Head = tuple[int, int]
"""(layer, query head)."""

PLAIN_ADDRESS = ("address_keys", "address_scale")  # of 8 bits
CHUNK = 64  # windows scored at once, so that memory stays small for any length of book


class Weigher(Protocol):
    """Addressing that was learned."""

    def turned(self, queries: Tensor) -> Tensor:
        """What is compared with keys, of queries [heads,T,d]."""
        ...

    def __call__(self, matches: Tensor, seen: Tensor) -> Tensor:
        """matches [heads,W,T], seen [heads,T,D] -> score [W] of each window."""
        ...


def key_heads(heads: Sequence[Head], group: int) -> list[Head]:
    """The distinct (layer, key/value head) pairs behind query heads, sorted."""
    return sorted({(layer, head // group) for layer, head in heads})


def pair_index(heads: Sequence[Head], group: int) -> Tensor:
    """Which of `key_heads` each query head reads, [heads]."""
    pairs = key_heads(heads, group)
    return torch.tensor([pairs.index((layer, head // group)) for layer, head in heads])


def pack_address(rotated: Tensor, bits: float = 8) -> dict[str, Tensor]:
    """rotated keys [P,T,d] of the addressing key heads -> tensors to store, 4 or 8 bits a number.

    At 4 bits as slots are: less the mean key, turned by a Hadamard matrix, two numbers a byte.
    """
    if bits > 4:
        codes, scale = quantize(rotated)
        return {"address_keys": codes, "address_scale": scale}
    P, T, d = rotated.shape
    mean = rotated.float().mean(1).half()  # [P,d]
    turned = (rotated.float() - mean.float()[:, None]) @ hadamard(d).to(rotated.device)
    codes, scale = quantize(turned, 4)
    nibbles = pack_nibbles(codes.view(P * T, d)).view(P, T, d // 2)
    return {"address_keys": nibbles, "address_scale": scale, "address_mean": mean}


@dataclass(frozen=True)
class AddressBook:
    """The addressing keys of all windows of one document, padded to the longest."""

    segments: tuple[int, ...]  # which segment each window is
    keys: Tensor  # [W,P,T,d] int8
    scale: Tensor  # [W,P,T] float16, zero where padded
    lengths: Tensor  # [W]
    means: Tensor | None = None  # [W,P,d] float16, where keys are turned and stored without it
    words: WordIndex | None = None  # where the windows left their words

    @classmethod
    def from_bundles(cls, bundles: Sequence[tuple[int, Bundle]]) -> AddressBook:
        """Stack what `pack_address` made for each (segment, bundle)."""
        if not bundles:
            raise InvalidRequest("No window to address: the document or chapter has no segments.")
        shapes = {b["address_keys"].shape[::2] for _, b in bundles}
        if len(shapes) != 1:
            raise BrokenState(
                f"Address keys of different shapes {shapes}; read the document again."
            )
        codes = [_codes(bundle) for _, bundle in bundles]
        P, _, d = codes[0].shape
        longest = max(len(code[0]) for code in codes)
        keys = torch.zeros(len(bundles), P, longest, d, dtype=torch.int8)
        scale = torch.zeros(len(bundles), P, longest, dtype=torch.float16)
        lengths = torch.zeros(len(bundles), dtype=torch.long)
        for row, (code, (_, bundle)) in enumerate(zip(codes, bundles, strict=True)):
            T = code.shape[1]
            keys[row, :, :T] = code
            scale[row, :, :T] = bundle["address_scale"]
            lengths[row] = T
        means = [b["address_mean"] for _, b in bundles if "address_mean" in b]
        segments = tuple(segment for segment, _ in bundles)
        said = [b for _, b in bundles if "words" in b]
        words = WordIndex.from_bundles(said) if len(said) == len(bundles) else None
        return cls(segments, keys, scale, lengths, torch.stack(means) if means else None, words)

    def rows(self, segments: frozenset[int]) -> Tensor:
        """Indices of the windows whose segment is in `segments`."""
        return torch.tensor([i for i, s in enumerate(self.segments) if s in segments])


def _codes(bundle: Bundle) -> Tensor:
    """int8 [P,T,d]."""
    stored = bundle["address_keys"]
    if stored.dtype != torch.uint8:
        return stored
    P, T, half = stored.shape
    return unpack_nibbles(stored.view(P * T, half)).view(P, T, 2 * half)


class Asked(NamedTuple):
    """A question's tokens as the addressing heads see them."""

    queries: Tensor  # [heads,T,d], all rotated to one place
    seen: Tensor  # [heads,T,D], what each head's layer reads: its normalised input


def unpack_address(bundle: Bundle) -> Tensor:
    """What `pack_address` was given, as near as it is stored, [P,T,d] float32."""
    keys = _codes(bundle).float() * bundle["address_scale"].float()[..., None]
    if "address_mean" not in bundle:
        return keys
    return keys @ hadamard(keys.shape[-1]).T + bundle["address_mean"].float()[:, None]


def read_question(
    decoder: Decoder,
    sink: Sequence[int],
    question: Sequence[int],
    heads: Sequence[Head],
    at: int | None,
) -> Asked:
    """The question's tokens, read behind the sink; queries rotated to `at`, or not without it."""
    if not question:
        raise InvalidRequest("The question is empty; ask something.")
    tokens = torch.tensor([[*sink, *question]], device=decoder.device)
    cos, sin = decoder.rope.angles(torch.arange(tokens.shape[1], device=decoder.device))
    queries: dict[int, Tensor] = {}
    seen: dict[int, Tensor] = {}

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        queries[layer] = q[0, :, len(sink) :]
        return dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)

    x = decoder.embed(tokens)
    for layer in range(1 + max(layer for layer, _ in heads)):  # nothing behind it is looked at
        block = decoder.layer(layer)
        seen[layer] = block.input_layernorm(x)[0, len(sink) :]
        x = block(x, layer, attend)
    chosen = torch.stack([queries[layer][head] for layer, head in heads])  # [heads,T,d]
    if at is not None:
        chosen = decoder.rope(chosen, torch.tensor([at], device=decoder.device))
    return Asked(chosen, torch.stack([seen[layer] for layer, _ in heads]))


def question_queries(
    decoder: Decoder, sink: Sequence[int], question: Sequence[int], heads: Sequence[Head], at: int
) -> Tensor:
    """Queries [heads,T,d] of the question's tokens, read behind the sink, all rotated to `at`."""
    return read_question(decoder, sink, question, heads, at).queries


def matches(queries: Tensor, book: AddressBook, rows: Tensor, pairs: Tensor) -> Tensor:
    """Each question token's best match in each window, [heads,len(rows),Tq] float32.

    queries [heads,Tq,d], which the gradient flows to; pairs [heads]: index of each head's keys
    among the book's P.
    """
    turned = queries
    if book.means is not None:
        turned = (queries.float() @ hadamard(queries.shape[2]).to(queries.device)).to(queries.dtype)
    found = [_matches(queries, turned, book, part, pairs) for part in rows.split(CHUNK)]
    return torch.cat(found, dim=1)


def _matches(
    queries: Tensor, turned: Tensor, book: AddressBook, rows: Tensor, pairs: Tensor
) -> Tensor:
    """The same for a few windows w: the place of the best key is searched, its match computed."""
    device = queries.device
    T = int(book.lengths[rows].max())  # of these windows alone: no other one changes a bit
    keys = book.keys[rows, :, :T].to(device, turned.dtype)  # [w,P,T,d], exact
    scale = book.scale[rows, :, :T].to(device).float()  # [w,P,T]
    padded = torch.arange(keys.shape[2]) >= book.lengths[rows, None]
    padded = padded.to(device).unsqueeze(1)  # [w,1,T]
    per_head = []
    for n, pair in enumerate(pairs.tolist()):
        with torch.no_grad():
            products = (turned[n] @ keys[:, pair].transpose(1, 2)).float()  # [w,Tq,T]
            products = products.mul_(scale[:, pair, None]).masked_fill_(padded, float("-inf"))
            best = products.argmax(2)  # [w,Tq]
        chosen = keys[:, pair].gather(1, best[..., None].expand(-1, -1, keys.shape[3])).float()
        match = (chosen * turned[n].float()).sum(2) * scale[:, pair].gather(1, best)
        if book.means is not None:
            means = book.means[rows, pair].to(device).float()  # [w,d]
            match = match + means @ queries[n].float().T
        per_head.append(match)
    return torch.stack(per_head)


def standardize(scores: Tensor, dim: int = 1, least: float = 1e-6) -> Tensor:
    """Zero mean and unit deviation over the windows of `dim`; deviations count as `least` or more.

    With the defaults per head: [heads,W] -> [heads,W].
    """
    centred = scores - scores.mean(dim, keepdim=True)
    return centred / centred.pow(2).mean(dim, keepdim=True).sqrt().clamp_min(least)


def address(
    decoder: Decoder,
    sink: Sequence[int],
    question: Sequence[int],
    heads: Sequence[Head],
    books: Iterable[tuple[AddressBook, Tensor]],
    at: int,
    weigher: Weigher | None = None,
) -> Tensor:
    """Score of each window of some rows of books, one behind the other: the higher, the more so.

    A match counts by how exceptional it is among the rows of all books, so that their scores are on
    one scale. A book may be let go once it was looked at. With a weigher the books' keys must be
    those before RoPE.
    """
    asked = read_question(decoder, sink, question, heads, None if weigher else at)
    queries = weigher.turned(asked.queries) if weigher else asked.queries
    pairs = pair_index(heads, decoder.config.group)
    best = torch.cat([matches(queries, book, rows, pairs) for book, rows in books], dim=1)
    return weigher(best, asked.seen) if weigher else standardize(best.mean(2)).sum(0)
