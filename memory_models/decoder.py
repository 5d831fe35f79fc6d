"""The Llama-family decoder, top to bottom: embeddings, layers, norm, logits.

Axis legend, which all files of `memory_models` use:
    B batch, T tokens of this call, S keys (tokens seen), D model width, V vocabulary,
    H query heads, G key/value heads, R = H / G query heads per key/value head, d head size.

Parameter names are Hugging Face's, so a checkpoint loads strictly and without renaming.
Implemented exactly: Llama, SmolLM2, Mistral, Qwen2 (bias on q, k, v), Qwen3 (RMS norm on q and k).

What differs from the usual implementations:
  * The decoder is stateless and has no cache and no mask. A layer passes its *unrotated* queries,
    keys and values to the caller's `Attend`, which owns positions, masks, caches and memories.
    Every memory is one `Attend`, plus what it writes.
  * Rotary angles are computed in float32 for the positions of each call; there is no table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memory_models.errors import UnsupportedModel
from memory_models.json_fields import Fields

Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]
"""Attention: (layer, q [B,H,T,d], k [B,G,T,d], v [B,G,T,d]), all before RoPE -> [B,H,T,d]."""

FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
NEEDED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)
MOST_LAYERS = 1024
SCALED_BY = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")


@dataclass(frozen=True, slots=True)
class RopeScaling:
    """Llama 3 frequency scaling (`rope_type: llama3`)."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_positions: int

    def __post_init__(self) -> None:
        if self.high_freq_factor <= self.low_freq_factor:
            raise UnsupportedModel(
                f"Rotary scaling has high_freq_factor {self.high_freq_factor}, which must be above "
                f"low_freq_factor {self.low_freq_factor}; the checkpoint's config.json is wrong."
            )


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Shape of a decoder; `from_json` makes it from a Hugging Face `config.json`."""

    family: str
    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    rope_theta: float
    norm_eps: float
    max_positions: int
    tied: bool
    qkv_bias: bool = False
    output_bias: bool = False
    qk_norm: bool = False
    rope_scaling: RopeScaling | None = None

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise UnsupportedModel(
                f"{self.heads} query heads cannot be divided among {self.kv_heads} key/value heads;"
                " the checkpoint's config.json is inconsistent, so fetch the checkpoint again."
            )
        if self.head_size % 2:
            raise UnsupportedModel(
                f"Head size {self.head_size} is odd, and rotary embeddings need an even one; use "
                "another backbone."
            )

    @property
    def group(self) -> int:
        """R, the number of query heads that share one key/value head."""
        return self.heads // self.kv_heads

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token takes in a 16-bit KV cache; states are compared with this."""
        return self.layers * self.kv_heads * self.head_size * 2 * 2

    @classmethod
    def from_folder(cls, folder: Path) -> DecoderConfig:
        """Read `folder/config.json`."""
        return cls.from_fields(Fields.from_file(folder / "config.json"))

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> DecoderConfig:
        """Translate the contents of a Hugging Face `config.json`."""
        return cls.from_fields(Fields(raw, "The checkpoint's config.json"))

    @classmethod
    def from_fields(cls, raw: Fields) -> DecoderConfig:
        """Translate a Hugging Face configuration; refuse by name what is missing or not exact."""
        family = _family(raw)
        raw.require(NEEDED)
        rope = raw.section("rope_parameters") or raw.section("rope_scaling")
        hidden_size = raw.count("hidden_size")
        heads = raw.count("num_attention_heads")
        bias = raw.flag("attention_bias", default=False)
        return cls(
            family=family,
            vocab_size=raw.count("vocab_size"),
            hidden_size=hidden_size,
            intermediate_size=raw.count("intermediate_size"),
            layers=raw.count("num_hidden_layers", most=MOST_LAYERS),
            heads=heads,
            kv_heads=raw.count("num_key_value_heads", heads),
            head_size=raw.count("head_dim", max(1, hidden_size // heads)),
            rope_theta=rope.positive("rope_theta", raw.positive("rope_theta", 10000.0)),
            norm_eps=raw.positive("rms_norm_eps", 1e-6),
            max_positions=raw.count("max_position_embeddings", 2048),
            tied=raw.flag("tie_word_embeddings", default=family == "qwen3"),
            qkv_bias=bias or family == "qwen2",
            output_bias=bias,
            qk_norm=family == "qwen3",
            rope_scaling=_rope_scaling(rope),
        )


def _family(raw: Fields) -> str:
    """The architecture that a configuration names; raises UnsupportedModel for all others."""
    family = raw.text("model_type", "")
    if family not in FAMILIES:
        raise UnsupportedModel(
            f"Model type {family!r} in {raw.where} is not supported; use one of "
            f"{', '.join(FAMILIES)}."
        )
    activation = raw.text("hidden_act", "silu")
    if activation != "silu":
        raise UnsupportedModel(
            f"Activation {activation!r} in {raw.where} is not supported; only silu."
        )
    if raw.flag("mlp_bias", default=False):
        raise UnsupportedModel(f"Feed-forward biases (mlp_bias in {raw.where}) are not supported.")
    if raw.flag("use_sliding_window", default=False):
        raise UnsupportedModel(
            f"Sliding-window attention (use_sliding_window in {raw.where}) is not supported."
        )
    return family


def _rope_scaling(rope: Fields) -> RopeScaling | None:
    kind = rope.text("rope_type", rope.text("type", "default"))
    if kind == "default":
        return None
    if kind != "llama3":
        raise UnsupportedModel(
            f"Rotary scaling {kind!r} in {rope.where} is not supported; only default and llama3."
        )
    rope.require(SCALED_BY)
    return RopeScaling(
        factor=rope.positive("factor"),
        low_freq_factor=rope.positive("low_freq_factor"),
        high_freq_factor=rope.positive("high_freq_factor"),
        original_positions=rope.count("original_max_position_embeddings"),
    )


class Rope:
    """Rotary position embedding (RoFormer, arXiv 2104.09864).

    Channel i is paired with channel i + d/2, as in Hugging Face's Llama.
    """

    def __init__(self, config: DecoderConfig) -> None:
        half = torch.arange(0, config.head_size, 2, dtype=torch.float32) / config.head_size
        inverse = config.rope_theta**-half
        if config.rope_scaling is not None:
            inverse = _scale_llama3(inverse, config.rope_scaling)
        self.inverse_frequency = inverse  # [d/2]

    def angles(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """positions [...] -> cos, sin [...,d] in float32."""
        inverse = self.inverse_frequency.to(positions.device)
        phase = positions.to(torch.float32).unsqueeze(-1) * inverse  # [...,d/2]
        phase = torch.cat((phase, phase), dim=-1)  # [...,d]
        return phase.cos(), phase.sin()

    def __call__(self, x: Tensor, positions: Tensor) -> Tensor:
        """Rotate x [...,T,d] to positions that broadcast to [...,T]; keeps x's dtype."""
        cos, sin = self.angles(positions)
        return rotate(x, cos, sin)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x [...,T,d] by angles whose cos and sin broadcast to [...,T,d]."""
    first, second = x.chunk(2, dim=-1)
    swapped = torch.cat((-second, first), dim=-1)
    return x * cos.to(x.dtype) + swapped * sin.to(x.dtype)


def _scale_llama3(inverse: Tensor, s: RopeScaling) -> Tensor:
    wavelength = 2 * math.pi / inverse
    low, high = s.original_positions / s.low_freq_factor, s.original_positions / s.high_freq_factor
    smooth = (s.original_positions / wavelength - s.low_freq_factor) / (
        s.high_freq_factor - s.low_freq_factor
    )
    between = (1 - smooth) * inverse / s.factor + smooth * inverse
    scaled = torch.where(wavelength > low, inverse / s.factor, inverse)
    return torch.where((wavelength <= low) & (wavelength >= high), between, scaled)


class RMSNorm(nn.Module):
    """Root-mean-square norm over the last axis, in float32 as the checkpoints were trained."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * wide.to(x.dtype)


class Attention(nn.Module):
    """The query, key, value and output projections around the caller's `Attend`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width, d = config.hidden_size, config.head_size
        self.q_proj = nn.Linear(width, config.heads * d, bias=config.qkv_bias)
        self.k_proj = nn.Linear(width, config.kv_heads * d, bias=config.qkv_bias)
        self.v_proj = nn.Linear(width, config.kv_heads * d, bias=config.qkv_bias)
        self.o_proj = nn.Linear(config.heads * d, width, bias=config.output_bias)
        if config.qk_norm:
            self.q_norm = RMSNorm(d, config.norm_eps)
            self.k_norm = RMSNorm(d, config.norm_eps)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [B,T,D] -> q [B,H,T,d], k [B,G,T,d], v [B,G,T,d], before RoPE."""
        B, T, _ = x.shape
        d = self.config.head_size
        q = self.q_proj(x).view(B, T, self.config.heads, d)  # [B,T,H,d]; k and v [B,T,G,d]
        k = self.k_proj(x).view(B, T, self.config.kv_heads, d)
        v = self.v_proj(x).view(B, T, self.config.kv_heads, d)
        if self.config.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def forward(self, x: Tensor, layer: int, attend: Attend) -> Tensor:
        """x [B,T,D], normalised -> [B,T,D]."""
        B, T, _ = x.shape
        mixed = attend(layer, *self.project(x))  # [B,H,T,d]
        out: Tensor = self.o_proj(mixed.transpose(1, 2).reshape(B, T, -1))  # of [B,T,H*d]
        return out


class FeedForward(nn.Module):
    """The SwiGLU feed-forward network, [...,D] -> [...,D]."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class DecoderLayer(nn.Module):
    """Attention, then the feed-forward network: each on normed input, with a residual connection.

    x [B,T,D] -> [B,T,D].
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = FeedForward(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)

    def forward(self, x: Tensor, layer: int, attend: Attend) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), layer, attend)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class DecoderStack(nn.Module):
    """The modules that a checkpoint names with the prefix `model.`."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_size, config.norm_eps)


class Decoder(nn.Module):
    """A causal language model whose attention is supplied by the caller."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.rope = Rope(config)
        self.model = DecoderStack(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def dtype(self) -> torch.dtype:
        return self.lm_head.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.lm_head.weight.device

    def layer(self, index: int) -> DecoderLayer:
        """The layer at `index`, counted from 0."""
        layer = self.model.layers[index]
        assert isinstance(layer, DecoderLayer)
        return layer

    def embed(self, tokens: Tensor) -> Tensor:
        """tokens [B,T] -> [B,T,D]."""
        out: Tensor = self.model.embed_tokens(tokens)
        return out

    def hidden(self, tokens: Tensor, attend: Attend) -> Tensor:
        """tokens [B,T] -> the last layer's output [B,T,D], before the final norm."""
        x = self.embed(tokens)
        for index in range(self.config.layers):
            x = self.layer(index)(x, index, attend)
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """The last layer's output [...,D] -> logits [...,V]; applies the final norm."""
        out: Tensor = self.lm_head(self.model.norm(hidden))
        return out

    def forward(self, tokens: Tensor, attend: Attend | None = None) -> Tensor:
        """tokens [B,T] -> logits [B,T,V]; without `attend`, with plain causal attention."""
        return self.logits(self.hidden(tokens, attend or causal_attention(self.rope)))


def padded(tokens: Tensor, most: int | None = None, octave: Literal[4, 8] = 8) -> Tensor:
    """Pad tokens [B,T] at the end with zeros to [B,P], where T <= P <= most.

    P takes only `octave` different values between one power of two and the next. On a CPU, each new
    length of a bfloat16 matrix product leaves compiled kernels in memory, about 2 MB per layer, and
    segments come in every length. Causal attention keeps the padding from the real tokens.
    """
    T = tokens.shape[1]
    step = 1 << max(3, (T - 1).bit_length() - octave.bit_length())
    P = -(-T // step) * step
    P = P if most is None else max(T, min(P, most))
    return F.pad(tokens, (0, P - T))


def causal_attention(rope: Rope, start: int = 0) -> Attend:
    """The plain decoder's attention: tokens at positions start, start + 1, ..., causally masked."""

    def attend(layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        positions = torch.arange(start, start + q.shape[2], device=q.device)
        cos, sin = rope.angles(positions)
        return dot_attention(rotate(q, cos, sin), rotate(k, cos, sin), v)

    return attend


def dot_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal softmax attention of q [B,H,T,d] over k, v [B,G,T,d] -> [B,H,T,d]; q, k rotated."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
