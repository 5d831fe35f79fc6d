"""Text to token ids and back, from `tokenizer.json` or a sentencepiece `tokenizer.model`.

Text is always encoded as plain text: a book that happens to contain `<|im_end|>` gets the tokens of
these characters, never the control token. Only `ChatFormat` adds control tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer as FastTokenizer

from memory_models.errors import BrokenCheckpoint


class Vocabulary(Protocol):
    """The interface of both kinds of tokenizer file."""

    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def offsets(self, text: str) -> list[tuple[int, int]]: ...  # characters of each token
    def control(self, piece: str) -> int | None: ...  # id of a control token; None if unknown


class JsonVocabulary:
    """`tokenizer.json`, read by the tokenizers library."""

    def __init__(self, path: Path) -> None:
        try:
            self._tokenizer = FastTokenizer.from_file(str(path))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # plain Exception, or a panic of Rust, which is none
            raise _unreadable(path, error) from error
        self._tokenizer.encode_special_tokens = True
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def offsets(self, text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = self._tokenizer.encode(
            text, add_special_tokens=False
        ).offsets
        return found

    def control(self, piece: str) -> int | None:
        found: int | None = self._tokenizer.token_to_id(piece)
        return found


class SentencePieceVocabulary:
    """`tokenizer.model`, read by sentencepiece."""

    def __init__(self, path: Path) -> None:
        self._processor = SentencePieceProcessor()
        try:
            self._processor.Load(str(path))
        except (RuntimeError, OSError) as error:
            raise _unreadable(path, error) from error

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._processor.EncodeAsIds(text)
        return ids

    def offsets(self, text: str) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = self._processor.EncodeAsOffsetMapping(text)["offsets"]
        return found

    def decode(self, ids: Sequence[int]) -> str:
        kept = [i for i in ids if not self._processor.IsControl(i)]
        return str(self._processor.DecodeIds(kept))

    def control(self, piece: str) -> int | None:
        found = int(self._processor.PieceToId(piece))
        return None if found == self._processor.unk_id() else found


def _unreadable(path: Path, error: BaseException) -> BrokenCheckpoint:
    return BrokenCheckpoint(
        f"{path} cannot be read as a tokenizer ({error}); copy the checkpoint's {path.name} again."
    )


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """One user turn as token ids: `opening`, the user's text, `closing`, the answer, a stop token.

    stops: the ids that end an answer.
    """

    name: str
    opening: tuple[int, ...]
    closing: tuple[int, ...]
    stops: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Markup:
    """The strings of a chat format; those listed in `controls` become control tokens."""

    name: str
    opening: tuple[str, ...]
    closing: tuple[str, ...]
    stops: tuple[str, ...]
    controls: tuple[str, ...]


_CHAT_FORMATS = (
    _Markup(
        name="chatml",
        opening=("<|im_start|>", "user\n"),
        closing=("<|im_end|>", "\n", "<|im_start|>", "assistant\n"),
        stops=("<|im_end|>", "<|endoftext|>"),
        controls=("<|im_start|>", "<|im_end|>"),
    ),
    _Markup(
        name="llama3",
        opening=("<|begin_of_text|>", "<|start_header_id|>", "user", "<|end_header_id|>", "\n\n"),
        closing=(
            "<|eot_id|>",
            "<|start_header_id|>",
            "assistant",
            "<|end_header_id|>",
            "\n\n",
        ),
        stops=("<|eot_id|>", "<|end_of_text|>"),
        controls=(
            "<|begin_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
        ),
    ),
    _Markup(
        name="instruct",
        opening=("<s>", "[INST] "),
        closing=(" [/INST]",),
        stops=("</s>",),
        controls=("<s>",),
    ),
    _Markup(
        name="plain",
        opening=("Text:\n",),
        closing=("\nAnswer:",),
        stops=("<|endoftext|>", "</s>"),
        controls=(),
    ),
)


class Tokenizer:
    """A vocabulary with its chat format; ``file`` is where it was read from, if it was."""

    def __init__(self, vocabulary: Vocabulary, *, sha256: str, file: Path | None = None) -> None:
        self.vocabulary = vocabulary
        self.sha256 = sha256
        self.file = file
        self.chat = _detect_chat_format(vocabulary)

    @classmethod
    def from_folder(cls, folder: Path) -> Tokenizer:
        """Open `tokenizer.json` in `folder`, or else `tokenizer.model`.

        Raises BrokenCheckpoint where there is neither.
        """
        for name in ("tokenizer.json", "tokenizer.model"):
            if (folder / name).is_file():
                return cls.from_file(folder / name)
        raise BrokenCheckpoint(
            f"{folder} has neither tokenizer.json nor tokenizer.model; copy the checkpoint's "
            "tokenizer into the folder."
        )

    @classmethod
    def from_file(cls, path: Path) -> Tokenizer:
        """Open a `tokenizer.json`, or a `tokenizer.model` of sentencepiece.

        Raises BrokenCheckpoint for a file that is neither.
        """
        kind = SentencePieceVocabulary if path.suffix == ".model" else JsonVocabulary
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(kind(path), sha256=sha256, file=path)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; no token is added, and control words are encoded as characters."""
        return self.vocabulary.encode(text)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """The characters start <= c < end of each token of `encode(text)`."""
        return self.vocabulary.offsets(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without control tokens."""
        return self.vocabulary.decode(ids)

    def count(self, text: str) -> int:
        """Number of tokens of plain text."""
        return len(self.vocabulary.encode(text))

    def user_turn(self, text: str) -> list[int]:
        """Ids of one whole user turn, up to where the assistant's answer begins."""
        return [*self.chat.opening, *self.encode(text), *self.chat.closing]


def _detect_chat_format(vocabulary: Vocabulary) -> ChatFormat:
    """The first format whose control tokens the vocabulary has; "plain", the last, needs none."""
    markup = next(
        markup
        for markup in _CHAT_FORMATS
        if all(vocabulary.control(piece) is not None for piece in markup.controls)
    )
    return ChatFormat(
        name=markup.name,
        opening=_ids(vocabulary, markup.opening, markup.controls),
        closing=_ids(vocabulary, markup.closing, markup.controls),
        stops=frozenset(i for i in map(vocabulary.control, markup.stops) if i is not None),
    )


def _ids(
    vocabulary: Vocabulary, pieces: tuple[str, ...], controls: tuple[str, ...]
) -> tuple[int, ...]:
    ids: list[int] = []
    for piece in pieces:
        control = vocabulary.control(piece) if piece in controls else None
        ids.extend(vocabulary.encode(piece) if control is None else [control])
    return tuple(ids)
