"""A conversation: questions that follow an earlier one and its answer.

"And what did she say to the goblins?" cannot be answered alone. The turn before goes into the
prompt, and it counts, less than the question itself, in addressing and in ranking sentences.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memory_models.prompt import ABSTAINED, Prompt, build_prompt, follow_up
from memory_models.tokenizer import Tokenizer

LONGEST_EARLIER = 100  # tokens of the earlier question, and of its answer, that are used
EARLIER_WEIGHT = 0.5  # of the earlier turn in addressing; the question itself has 1
_WORD = re.compile(r"[\w']+")
_OPENING = re.compile(r"(and|but|so|then|or|also|what about|how about|why not)\b", re.IGNORECASE)
_BARE = re.compile(r"(why|where|when|how|who|how come|since when|what else|who else)( not)?", re.I)
_POINTING = frozenset(
    _WORD.findall(
        """he she it they him her them his hers its their theirs himself herself itself themselves
        this that these those there then one ones same"""
    )
)


@dataclass(frozen=True, slots=True)
class Turn:
    """A question that was answered. An empty answer says that nothing was found."""

    question: str
    answer: str

    @property
    def text(self) -> str:
        """The turn as one text to address with."""
        return f"{self.question} {self.answer}".strip()


def question_prompt(tokenizer: Tokenizer, question: str, after: Turn | None) -> Prompt:
    """The prompt for a question, with the turn before it where there is one.

    Raises InvalidRequest for an empty question or one that is too long by itself.
    """
    prompt = build_prompt(tokenizer, question)
    if after is None:
        return prompt
    earlier = _shortened(tokenizer, after.question)
    answer = _shortened(tokenizer, after.answer or ABSTAINED)
    return build_prompt(tokenizer, follow_up(question, earlier, answer), limit=None)


def _shortened(tokenizer: Tokenizer, text: str) -> str:
    tokens = tokenizer.encode(text.strip())
    return text if len(tokens) <= LONGEST_EARLIER else tokenizer.decode(tokens[:LONGEST_EARLIER])


def is_follow_up(question: str) -> bool:
    """True for a question that leaves out what an earlier one has said.

    It begins with a word such as "and", points back with a pronoun, or is very short.
    """
    text = question.strip()
    words = [word.lower() for word in _WORD.findall(text)]
    if not words:
        return False
    if _OPENING.match(text) or _BARE.fullmatch(" ".join(words)):
        return True
    names = [word for word in _WORD.findall(text)[1:] if word[0].isupper()]
    pointing = [word for word in words if word.removesuffix("'s") in _POINTING]
    return bool(pointing) and not _introduced(words, pointing, names)


def _introduced(words: list[str], pointing: list[str], names: list[str]) -> bool:
    """True where the question itself names what its pronouns point to: "Why did Anne hide it?"."""
    return bool(names) and words.index(pointing[0]) > 2
