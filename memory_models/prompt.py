"""The product's only prompt: a user turn that asks for a short answer from the document."""

from __future__ import annotations

from dataclasses import dataclass

from memory_models.errors import InvalidRequest
from memory_models.tokenizer import Tokenizer

# Six wordings were compared: docs/experiments/answering.md, "prompt wording".
INSTRUCTION = "Answer the question from the document in at most ten words."
CUE = "\nAnswer:"
ABSTAINED = "Not in the document."  # the answer adapter's answer where a window does not answer
TELL = "What happens here, and who does what?"  # the question that a window is summarized with
LONGEST_QUESTION = 512  # tokens


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's token ids, and the slice of them that is the question."""

    tokens: list[int]
    question: slice


def build_prompt(
    tokenizer: Tokenizer,
    question: str,
    passage: str = "",
    limit: int | None = LONGEST_QUESTION,
) -> Prompt:
    """The user turn that asks `question`, up to where the assistant's answer begins.

    passage: text placed before the instruction; only evaluation uses it, to show the page itself.
    limit: most tokens of the question. Raises InvalidRequest for an empty question or a longer one.
    """
    asked = tokenizer.encode(question.strip())
    if not asked:
        raise InvalidRequest("The question is empty; ask something.")
    if limit is not None and len(asked) > limit:
        raise InvalidRequest(
            f"The question has {len(asked)} tokens and the limit is {limit}; shorten it."
        )
    lead = f"{passage}\n\n{INSTRUCTION}\nQuestion: " if passage else f"{INSTRUCTION}\nQuestion: "
    before = [*tokenizer.chat.opening, *tokenizer.encode(lead)]
    tokens = [*before, *asked, *tokenizer.encode(CUE), *tokenizer.chat.closing]
    return Prompt(tokens, slice(len(before), len(before) + len(asked)))


def follow_up(question: str, earlier: str, answer: str) -> str:
    """A question after an earlier one and its answer, as one text to ask."""
    return f"{earlier.strip()}{CUE} {answer.strip()}\nQuestion: {question.strip()}"


def address_query(tokenizer: Tokenizer, question: str) -> list[int]:
    """The token ids of a question in the form that addressing is calibrated for."""
    return tokenizer.encode(f"Question: {question.strip()}")
