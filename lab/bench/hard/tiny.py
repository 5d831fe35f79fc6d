"""A tiny random Llama, as a Hugging Face folder and as a GGUF file, where only speed matters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from memory_models.decoder import Decoder, DecoderConfig

CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SENTENCES = (
    "The lighthouse keeper lit the lamp every evening before the fog came in.",
    "A grey cat slept on the warm stones beside the harbour wall.",
    "Answer the question about the story briefly. Question: who found the key?",
    "Repeat the text above. Summarize what happens in one or two sentences.",
    "Mara Tobias Ilse Anton Greta Joren found hid lost mended painted sold carried forgot.",
    "the lamp the key the boat the letter the gull the storm the cellar the clock the garden",
    "in the harbour by the mill under the stairs at the inn behind the church borrowed buried",
)
CALIBRATION = {
    "address_heads": [[1, 0], [1, 2], [2, 1]],
    "confidence": {"bias": 0.0, "gain": 1.0, "log_prob": 0.0, "threshold": 0.0},
}


def byte_level_tokenizer(vocabulary: int = 480) -> Tokenizer:
    """A small byte-level BPE with the ChatML control tokens."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=CONTROLS,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return tokenizer


def write_backbone(folder: Path, seed: int, hidden: int = 32, layers: int = 3) -> Path:
    """A random Llama with 4 query and 2 key/value heads, as a Hugging Face folder.

    Tokens that are no whole characters have embeddings of zero, so that it does not say them.
    """
    folder.mkdir(parents=True)
    tokenizer = byte_level_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {
        "model_type": "llama",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": hidden // 4,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        names = {n: p.shape for n, p in Decoder(DecoderConfig.from_json(config)).named_parameters()}
    weights = {
        name: torch.ones(shape)
        if "norm" in name
        else torch.randn(shape, generator=generator) * (0.5 if "embed" in name else 0.2)
        for name, shape in names.items()
        if name != "lm_head.weight"
    }
    for token in range(config["vocab_size"]):
        if not tokenizer.decode([token], skip_special_tokens=False).isascii():
            weights["model.embed_tokens.weight"][token] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def write_gguf(file: Path, seed: int = 7) -> Path:
    """A random Llama of one layer as a GGUF file, of some 60 kB."""
    from gguf import GGUFWriter, TokenType

    tokenizer = byte_level_tokenizer(300)
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    size, inner = 32, 64
    writer: Any = GGUFWriter(file, "llama")
    writer.add_name("Tiny")
    writer.add_block_count(1)
    writer.add_context_length(512)
    writer.add_embedding_length(size)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(sorted(vocabulary, key=lambda token: vocabulary[token]))
    types = [TokenType.CONTROL] * len(CONTROLS)
    types += [TokenType.NORMAL] * (len(vocabulary) - len(CONTROLS))
    writer.add_token_types(types)
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "token_embd": (len(vocabulary), size),
        "output_norm": (size,),
        "blk.0.attn_norm": (size,),
        "blk.0.attn_q": (size, size),
        "blk.0.attn_k": (size // 2, size),
        "blk.0.attn_v": (size // 2, size),
        "blk.0.attn_output": (size, size),
        "blk.0.ffn_norm": (size,),
        "blk.0.ffn_gate": (inner, size),
        "blk.0.ffn_up": (inner, size),
        "blk.0.ffn_down": (size, inner),
    }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", torch.randn(shape, generator=generator).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
