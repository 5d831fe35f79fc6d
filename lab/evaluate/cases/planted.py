"""Twenty invented one-sentence facts, and how they are planted in a text.

None of them can be known or guessed without having read the text, and each answer is a word or
two, so that an answer either contains it or does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memory_models.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence to plant, a question about it, and what a right answer contains."""

    sentence: str
    question: str
    answer: str


FACTS = (
    Fact(
        "The lighthouse keeper's dog was called Brindlemoor.",
        "What was the lighthouse keeper's dog called?",
        "Brindlemoor",
    ),
    Fact(
        "The secret ingredient of Aunt Petra's soup was juniper.",
        "What was the secret ingredient of Aunt Petra's soup?",
        "juniper",
    ),
    Fact(
        "The spare key to the observatory hung behind the barometer.",
        "Where did the spare key to the observatory hang?",
        "barometer",
    ),
    Fact(
        "Captain Orrin Vale sold his ship to a merchant from Lisbon.",
        "From which city was the merchant to whom Captain Orrin Vale sold his ship?",
        "Lisbon",
    ),
    Fact(
        "The password of the night watch was silver heron.",
        "What was the password of the night watch?",
        "silver heron",
    ),
    Fact(
        "Doctor Emmeline Hart kept forty-three canaries in her study.",
        "How many canaries did Doctor Emmeline Hart keep in her study?",
        "forty-three",
    ),
    Fact(
        "The clockmaker Tobias Fenn was born in the village of Askrigg.",
        "In which village was the clockmaker Tobias Fenn born?",
        "Askrigg",
    ),
    Fact(
        "The mayor's daughter Ludmila played the oboe.",
        "Which instrument did the mayor's daughter Ludmila play?",
        "oboe",
    ),
    Fact(
        "The stolen map was hidden inside a hollow walking stick.",
        "Where was the stolen map hidden?",
        "walking stick",
    ),
    Fact(
        "The old ferry across the river Tamble was painted yellow.",
        "What colour was the old ferry across the river Tamble?",
        "yellow",
    ),
    Fact(
        "Professor Quillon's favourite number was seventeen.",
        "What was Professor Quillon's favourite number?",
        "seventeen",
    ),
    Fact(
        "The baker of Dunmore Lane was afraid of geese.",
        "What was the baker of Dunmore Lane afraid of?",
        "geese",
    ),
    Fact(
        "The treaty of Velmar was signed with green ink.",
        "With what was the treaty of Velmar signed?",
        "green ink",
    ),
    Fact(
        "The blind organist Matthias lived above the pharmacy.",
        "Where did the blind organist Matthias live?",
        "pharmacy",
    ),
    Fact(
        "The racehorse Thunderlane was trained by Agnes Whitlock.",
        "Who trained the racehorse Thunderlane?",
        "Agnes Whitlock",
    ),
    Fact(
        "The annual meeting of the beekeepers took place in Norwich.",
        "Where did the annual meeting of the beekeepers take place?",
        "Norwich",
    ),
    Fact(
        "The museum bought the bronze falcon for nine hundred florins.",
        "For how much did the museum buy the bronze falcon?",
        "nine hundred florins",
    ),
    Fact(
        "The gardener Silas Crome buried the silver spoons under the pear tree.",
        "Where did the gardener Silas Crome bury the silver spoons?",
        "pear tree",
    ),
    Fact(
        "The train to Kesterbridge always left at six minutes past four.",
        "When did the train to Kesterbridge always leave?",
        "six minutes past four",
    ),
    Fact(
        "The poet Ilse Marrow wrote her last verses on a napkin.",
        "On what did the poet Ilse Marrow write her last verses?",
        "napkin",
    ),
)


@dataclass(frozen=True, slots=True)
class Planted:
    """A text with facts in it; where[i] is the character at which fact i begins."""

    text: str
    facts: tuple[Fact, ...]
    where: tuple[int, ...]

    def around(self, index: int, characters: int) -> str:
        """About `characters` of text with fact `index` in its middle, cut at white space."""
        start, end = self.where[index], self.where[index] + len(self.facts[index].sentence)
        room = max(0, characters - (end - start)) // 2
        passage = self.text[max(0, start - room) : end + room]
        return passage[passage.find(" ") + 1 : passage.rfind(" ")] if room else passage


_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’]?\s+(?=[\"“‘A-Z])")


def plant(text: str, facts: tuple[Fact, ...] = FACTS) -> Planted:
    """Insert the facts at even depths of `text`, each between two sentences."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if len(ends) < len(facts):
        raise InvalidRequest(
            f"The text has {len(ends)} sentences, too few to plant {len(facts)} facts; "
            "give a longer text."
        )
    pieces, where, last, length = [], [], 0, 0
    for number, fact in enumerate(facts):
        target = len(text) * (number + 0.5) / len(facts)
        cut = min((e for e in ends if e > last or not last), key=lambda e: abs(e - target))
        pieces += [text[last:cut], fact.sentence + " "]
        length += cut - last
        where.append(length)
        length += len(fact.sentence) + 1
        last = cut
    pieces.append(text[last:])
    return Planted("".join(pieces), facts, tuple(where))
