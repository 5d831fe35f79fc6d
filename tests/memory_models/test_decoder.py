"""The own decoder against transformers: tiny random models of every family, float32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from memory_models import backbone
from memory_models.checkpoint import Checkpoint
from memory_models.decoder import Decoder, DecoderConfig, causal_attention, padded
from memory_models.errors import BrokenCheckpoint, UnsupportedModel

SHAPE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", {"rms_norm_eps": 1e-5}),
    "llama-tied": ("LlamaConfig", {"tie_word_embeddings": True}),
    "llama-bias": ("LlamaConfig", {"attention_bias": True}),
    "llama3-rope": ("LlamaConfig", {"rope_parameters": LLAMA3_ROPE}),
    "mistral": ("MistralConfig", {"sliding_window": None}),
    "qwen2": ("Qwen2Config", {}),
    "qwen3": ("Qwen3Config", {"head_dim": 16}),
}


def configuration(family: str) -> Any:
    """As transformers makes it, which takes seconds to import and is needed by few tests."""
    import transformers

    kind, changed = FAMILIES[family]
    return getattr(transformers, kind)(**SHAPE, **changed)


@pytest.fixture(params=FAMILIES, scope="module")
def checkpoint(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A tiny random model of one family, saved as transformers saves it."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp(request.param)
    model = AutoModelForCausalLM.from_config(configuration(request.param)).float().eval()
    with torch.no_grad():
        for parameter in model.parameters():  # norms and biases away from one and zero too
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    return folder, model


def own_decoder(folder: Path) -> Decoder:
    """Load through the product's own code path, float32, no tokenizer needed."""
    config = DecoderConfig.from_folder(folder)
    decoder = Decoder(config)
    weights = Checkpoint.open(folder).read(torch.device("cpu"), torch.float32)
    if config.tied:
        weights.setdefault("lm_head.weight", weights["model.embed_tokens.weight"])
    decoder.load_state_dict(weights, strict=True)
    return decoder.eval()


def test_logits_equal_transformers(checkpoint: tuple[Path, Any]) -> None:
    folder, reference = checkpoint
    tokens = torch.randint(0, 97, (2, 90), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours = own_decoder(folder)(tokens)
        theirs = reference(tokens).logits
    assert (ours - theirs).abs().max() < 1e-4
    assert theirs.std() > 0.01, "a model whose logits are all alike proves nothing"


def test_positions_are_relative(checkpoint: tuple[Path, Any]) -> None:
    decoder = own_decoder(checkpoint[0])
    tokens = torch.arange(20).unsqueeze(0)
    with torch.inference_mode():
        here = decoder(tokens)
        there = decoder(tokens, causal_attention(decoder.rope, start=100))
    assert (here - there).abs().max() < 1e-4


def test_later_tokens_do_not_change_earlier_logits(checkpoint: tuple[Path, Any]) -> None:
    decoder = own_decoder(checkpoint[0])
    tokens = torch.arange(20).unsqueeze(0)
    changed = tokens.clone()
    changed[0, 12] = 90
    with torch.inference_mode():
        before, after = decoder(tokens), decoder(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.equal(before[:, 12:], after[:, 12:])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"model_type": "gpt2"}, "gpt2"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "yarn"),
        ({"use_sliding_window": True}, "Sliding"),
        ({"num_key_value_heads": 4}, "6 query heads"),
    ],
)
def test_what_would_not_be_exact_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    raw = {**configuration("llama").to_dict(), **change}
    with pytest.raises(UnsupportedModel, match=named):
        DecoderConfig.from_json(raw)


@pytest.mark.parametrize("missing", list(SHAPE)[:5])
def test_an_incomplete_configuration_is_refused_by_name(missing: str) -> None:
    raw = configuration("llama").to_dict()
    for broken in ({k: v for k, v in raw.items() if k != missing}, {**raw, missing: None}):
        with pytest.raises(BrokenCheckpoint, match=rf"lacks {missing};"):
            DecoderConfig.from_json(broken)


def test_an_incomplete_rotary_scaling_is_refused_by_name() -> None:
    rope = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0}
    raw = {**configuration("llama").to_dict(), "rope_parameters": rope}
    with pytest.raises(
        BrokenCheckpoint, match="high_freq_factor, original_max_position_embeddings"
    ):
        DecoderConfig.from_json(raw)


def test_broken_checkpoints_are_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "broken"
    shutil.copytree(tiny_backbone, folder)
    raw = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**raw, "num_hidden_layers": 7}), "utf-8")
    with pytest.raises(BrokenCheckpoint, match=r"does not fit"):
        backbone.load(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(BrokenCheckpoint, match="damaged"):
        backbone.load(folder)
    weights.unlink()
    with pytest.raises(BrokenCheckpoint, match="safetensors"):
        backbone.load(folder)


def test_hash_follows_the_weights(tiny_backbone: Path, tmp_path: Path) -> None:
    import shutil

    one, two = tmp_path / "one", tmp_path / "two"
    shutil.copytree(tiny_backbone, one)
    shutil.copytree(tiny_backbone, two)
    assert backbone.weights_sha256(one) == backbone.weights_sha256(two)
    weights = two / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert backbone.weights_sha256(one) != backbone.weights_sha256(two)


@pytest.mark.parametrize(("octave", "lengths"), [(8, 48), (4, 28)])
def test_texts_of_any_length_are_padded_to_few(octave: Literal[4, 8], lengths: int) -> None:
    found = set()
    for length in range(1, 2049):
        tokens = padded(torch.ones(1, length, dtype=torch.long), 2048, octave)
        found.add(tokens.shape[1])
        assert length <= tokens.shape[1] <= max(length + 7, length * (1 + 1 / octave))
        assert int(tokens.sum()) == length
    assert len(found) == lengths
    assert padded(torch.ones(1, 515, dtype=torch.long), 515).shape == (1, 515)
