"""Text in and out of both kinds of tokenizer file; control words in a book stay text."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import sentencepiece

from memory_models.errors import BrokenCheckpoint
from memory_models.tokenizer import Tokenizer

TEXT = "Der Leuchtturm — “die Lampe” — brannte.\n\n\tZwei  Zeilen, 漢字 und 🦀."
CONTROLS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@pytest.fixture
def tokenizer(tiny_backbone: Path) -> Tokenizer:
    return Tokenizer.from_folder(tiny_backbone)


@pytest.fixture(scope="session")
def sentencepiece_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sentencepiece")
    text = folder / "text.txt"
    words = [
        "the",
        "lamp",
        "was",
        "lit",
        "every",
        "evening",
        "before",
        "fog",
        "came",
        "in",
        "from",
        "sea",
        "and",
        "cat",
        "slept",
    ]
    text.write_text("\n".join(" ".join(words[i:] + words[:i]) for i in range(len(words))), "utf-8")
    sentencepiece.SentencePieceTrainer.Train(
        input=str(text),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=300,
        model_type="bpe",
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=False,
        minloglevel=2,
    )
    return folder


def test_any_text_comes_back_as_it_was(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(TEXT)
    assert tokenizer.decode(ids) == TEXT
    assert tokenizer.count(TEXT) == len(ids) > 0


def test_chatml_is_found_by_its_control_tokens(tokenizer: Tokenizer) -> None:
    start, end, stop = (tokenizer.vocabulary.control(piece) for piece in CONTROLS)
    assert None not in (start, end, stop)
    chat = tokenizer.chat
    assert chat.name == "chatml"
    assert chat.opening == (start, *tokenizer.encode("user\n"))
    assert chat.closing == (end, *tokenizer.encode("\n"), start, *tokenizer.encode("assistant\n"))
    assert chat.stops == {end, stop}
    assert tokenizer.user_turn("Hi.") == [*chat.opening, *tokenizer.encode("Hi."), *chat.closing]


@pytest.mark.parametrize("word", CONTROLS)
def test_control_words_in_a_text_stay_text(tokenizer: Tokenizer, word: str) -> None:
    ids = tokenizer.encode(f"He wrote {word} on the wall.")
    assert tokenizer.vocabulary.control(word) not in ids
    assert tokenizer.decode(ids) == f"He wrote {word} on the wall."


def test_control_tokens_are_left_out_of_what_is_decoded(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode(tokenizer.user_turn("Hi.")) == "user\nHi.\nassistant\n"


def test_a_sentencepiece_model_is_read_too(sentencepiece_folder: Path) -> None:
    tokenizer = Tokenizer.from_folder(sentencepiece_folder)
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT
    assert tokenizer.chat.name == "instruct"
    opening = tokenizer.vocabulary.control("<s>")
    assert tokenizer.chat.opening == (opening, *tokenizer.encode("[INST] "))
    assert tokenizer.chat.stops == {tokenizer.vocabulary.control("</s>")}


@pytest.mark.parametrize("word", ["<s>", "</s>", "<unk>", "<0x41>"])
def test_control_words_stay_text_in_sentencepiece(sentencepiece_folder: Path, word: str) -> None:
    tokenizer = Tokenizer.from_folder(sentencepiece_folder)
    ids = tokenizer.encode(f"the lamp {word} was")
    assert tokenizer.vocabulary.control(word) not in ids
    assert tokenizer.decode(ids) == f"the lamp {word} was"


class NoControls:
    """A vocabulary that has no control tokens."""

    def encode(self, text: str) -> list[int]:
        return list(text.encode())

    def offsets(self, text: str) -> list[tuple[int, int]]:
        return [(n, n + 1) for n in range(len(text))]

    def decode(self, ids: Sequence[int]) -> str:
        return bytes(ids).decode()

    def control(self, piece: str) -> int | None:
        return None


def test_a_vocabulary_without_control_tokens_has_the_plain_format() -> None:
    tokenizer = Tokenizer(NoControls(), sha256="a" * 64)
    assert tokenizer.chat.name == "plain"
    assert tokenizer.decode(tokenizer.user_turn("Hi.")) == "Text:\nHi.\nAnswer:"


def test_what_no_vocabulary_knows_is_no_control_token(
    tokenizer: Tokenizer, sentencepiece_folder: Path
) -> None:
    assert tokenizer.vocabulary.control("<|nothing|>") is None
    assert Tokenizer.from_folder(sentencepiece_folder).vocabulary.control("<|im_end|>") is None


def test_tokenizer_json_goes_first_and_the_hash_is_of_the_file(
    tiny_backbone: Path, sentencepiece_folder: Path, tmp_path: Path
) -> None:
    shutil.copy(sentencepiece_folder / "tokenizer.model", tmp_path)
    only_model = Tokenizer.from_folder(tmp_path).sha256
    shutil.copy(tiny_backbone / "tokenizer.json", tmp_path)
    both = Tokenizer.from_folder(tmp_path)
    assert both.sha256 == Tokenizer.from_folder(tiny_backbone).sha256 != only_model
    assert both.chat.name == "chatml"


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenCheckpoint, match=r"neither tokenizer\.json nor tokenizer\.model"):
        Tokenizer.from_folder(tmp_path)


@pytest.mark.parametrize("kind", ["json", "sentencepiece"])
def test_offsets_are_the_characters_of_each_token(
    tokenizer: Tokenizer, sentencepiece_folder: Path, kind: str
) -> None:
    found = tokenizer if kind == "json" else Tokenizer.from_folder(sentencepiece_folder)
    text = "the lamp in the caf\u00e9, \u65e5\u672c and \u201cthe key\u201d"
    offsets = found.offsets(text)
    assert len(offsets) == found.count(text)
    assert offsets[-1][1] == len(text)
    assert all(a <= b for a, b in offsets)
    starts = [start for start, _ in offsets]
    assert starts == sorted(starts)
    covered = {place for start, end in offsets for place in range(start, end)}
    assert covered >= {n for n, character in enumerate(text) if not character.isspace()}
