"""Follow-up questions made by rule: two questions about one passage, the second cut short.

Where both questions, or the first one's answer, name somebody, the second says "he", "she", "they"
or "it" instead. Where the second one only asks "why" or "where" the same thing happened, that word
is left. The follow-up is put to the model as the product does: after the first question and its
answer (`memory_models.prompt.follow_up`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lab.evaluate.cases.records import Question, Record
from lab.evaluate.scores import normalize
from lab.train.answering.papers.wording import words
from lab.train.examples import Asked, Mix, Span, Split, Unit, sentence_start, to_abstain, to_answer
from lab.train.spans import answer_sentence
from memory_models.errors import BadData
from memory_models.prompt import follow_up

SHE = frozenset(
    words(
        """queen princess woman girl mother daughter sister wife lady witch aunt
        grandmother maiden bride widow goddess stepmother nurse goose hen mermaid
        hostess duchess maid granny stepdaughter stepsister"""
    )
)
HE = frozenset(
    words(
        """king prince man boy father son brother husband lord wizard uncle
        grandfather bridegroom widower god stepfather emperor knight monk priest
        fisherman hunter huntsman farmer peasant soldier giant shepherd miller tailor
        youth fellow lad sailor duke master magician stepson gentleman nobleman
        woodcutter prior abbot"""
    )
)
IT = frozenset(
    words(
        """cat dog bird horse fox wolf bear lion tiger frog toad snake dragon house
        castle tree stone ring box fish mouse rat goat sheep cow pig donkey rabbit
        hare crow raven eagle river forest ship boat sword flower monster creature"""
    )
)
NAME = re.compile(r"\b(?:the )?[A-Z][a-z]+(?:-[A-Z][a-z]+)?(?: [A-Z][a-z]+)*")
THING = re.compile(r"\bthe (?:[a-z]+ ){0,2}?[a-z]+\b")
SHORT = ("{}", "{}", "And {}", "And {}", "But {}", "So {}")
OPENING = re.compile(r"(Who|What|Where|When|Why|How|Which)\b")
BARE = frozenset({"Why", "Where", "When", "How"})
EMPTY = frozenset(
    words(
        """why what who how when where did do does was were is are had has have to of in on at and
        he she it they him her his their them not for with from that"""
    )
)
STEM = 4  # letters that two forms of a word share
REPEATED = 0.85  # share of a question's words that have been said before
FEWEST_COUNTED = 3  # pronouns near a name that must agree on who it is
AGREEMENT = 0.8
NEAR = 120  # characters behind a name, where its pronouns are counted
MOST_PAIRS = 6
UNANSWERED = 0.4  # pairs about other parts of the story, for each pair about the window


@dataclass(frozen=True, slots=True)
class Pair:
    """Two questions about one passage. `whole` is the second one as it would be asked alone."""

    first: Asked
    second: Asked
    whole: str

    @property
    def asked(self) -> Asked:
        """The second question after the first one and its answer."""
        question = follow_up(self.second.question, self.first.question, self.first.answer)
        return replace(self.second, question=question)

    def __post_init__(self) -> None:
        if self.second.question == self.whole:
            raise BadData(f"{self.whole!r} is no follow-up: nothing of it was left out.")


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Stories whose questions can follow each other, and how often they are drawn."""

    records: tuple[Record, ...]
    weight: float

    def __post_init__(self) -> None:
        if not self.records:
            raise BadData("A source of follow-ups has no story; check the file and the split.")

    def unit(self, books: Sequence[str], split: Split, mix: Mix, rng: random.Random) -> Unit | None:
        """One window of a story with pairs about its passages, and some about other passages."""
        record = rng.choice(self.records)
        start = sentence_start(record.text, rng.randrange(max(1, min(1500, len(record.text) // 2))))
        ranges = [(start + a, start + b) for a, b in split(record.text[start:])]
        rng.shuffle(ranges)
        for a, b in ranges:
            inside = [q for q in record.questions if q.gold and a <= q.gold[0] and q.gold[1] <= b]
            pairs = list(pairs_of(record, inside, rng, a))
            if pairs:
                chosen = rng.sample(pairs, min(len(pairs), MOST_PAIRS))
                asked = [asked for pair in chosen for asked in (pair.first, pair.asked)]
                outside = [q for q in record.questions if q.gold and _is_outside(q.gold, a, b)]
                others = list(pairs_of(record, outside, rng))
                count = min(len(others), max(1, round(UNANSWERED * len(chosen))))
                asked += [to_abstain(pair.asked.question) for pair in rng.sample(others, count)]
                return Unit((record.text[a:b],), tuple(asked), records=(record.id,))
        return None


def _is_outside(place: tuple[int, int], start: int, end: int) -> bool:
    return place[1] <= start or place[0] >= end


def pairs_of(
    record: Record, questions: Sequence[Question], rng: random.Random, start: int = 0
) -> Iterator[Pair]:
    """Pairs among questions that have their passage in common; `start` is where the window is."""
    for one in questions:
        for other in questions:
            if one.question == other.question or one.gold != other.gold or one.gold is None:
                continue
            if not (one.answers and other.answers):
                continue
            short = shortened(one, other, record.text)
            if short is None:
                continue
            asked = rng.choice(SHORT).format(short)
            if asked != short:
                asked = asked.replace(short, short[:1].lower() + short[1:])
            yield Pair(
                to_answer(one.question, rng.choice(one.answers), _span(record, one, start)),
                to_answer(asked, rng.choice(other.answers), _span(record, other, start)),
                other.question,
            )


def _span(record: Record, question: Question, start: int) -> Span | None:
    """The sentence that answers, or else the passage."""
    place = answer_sentence(record.text, question) or question.gold
    return Span(place[0] - start, place[1] - start) if place else None


def shortened(first: Question, second: Question, story: str) -> str | None:
    """The second question without what the first has said, or None where no rule applies."""
    named = _bare_question(first, second) or _with_pronoun(first, second, story)
    if named is None or named == second.question:
        return None
    return _capital(named)


def _bare_question(first: Question, second: Question) -> str | None:
    """ "Why?" for "Why did the king weep?" behind "What did the king do?", answered "He wept"."""
    one, other = OPENING.match(first.question), OPENING.match(second.question)
    if one is None or other is None or one[1] == other[1]:
        return None
    if normalize(first.question[one.end() :]) == normalize(second.question[other.end() :]):
        return f"{other[1]}?" if other[1] in BARE else None
    if other[1] != "Why" or one[1] not in {"What", "How"}:
        return None
    asked, answered = _stems(second.question), _stems(first.answers[0])
    said = answered | _stems(first.question)
    return "Why?" if asked & answered and len(asked & said) >= REPEATED * len(asked) else None


def _stems(text: str) -> set[str]:
    """The beginnings of the words that carry meaning."""
    return {w[:STEM] for w in normalize(text).split() if w not in EMPTY and len(w) > 1}


def _with_pronoun(first: Question, second: Question, story: str) -> str | None:
    said = f"{first.question} {first.answers[0]}"
    subjects = _subjects(second.question)
    shared = [s for s in subjects if f" {normalize(s)} " in f" {normalize(said)} "]
    if not shared:
        return None
    name = max(shared, key=len)
    rivals = {pronoun_of(other, story) for other in _subjects(said) if other not in name}
    pronoun = pronoun_of(name, story)
    if pronoun is None or pronoun in rivals:
        return None  # one could not tell who is meant
    return _replaced(second.question, name, pronoun)


def _subjects(text: str) -> list[str]:
    """Names, and nouns with an article, that a pronoun could stand for."""
    names = [n for n in NAME.findall(text) if not OPENING.match(n)]
    kinds = SHE | HE | IT
    things = [t for t in THING.findall(text) if _head(t) in kinds]
    return list(dict.fromkeys([*names, *things]))


def _head(noun: str) -> str:
    """The word of a noun phrase that says what it is: "the old man" is a man."""
    return noun.lower().removesuffix("'s").rsplit(" ", 1)[-1]


def pronoun_of(name: str, story: str) -> str | None:
    """he, she or it: from the noun, or from the pronouns that follow a name in its story."""
    head = _head(name)
    for pronoun, kinds in (("she", SHE), ("he", HE), ("it", IT)):
        if head in kinds:
            return pronoun
    if not name[:1].isupper():
        return None
    near = " ".join(story[m.end() : m.end() + NEAR] for m in re.finditer(re.escape(name), story))
    words = re.findall(r"\b(?:he|him|his|she|her|hers)\b", near.lower())
    women = sum(word.startswith(("she", "her")) for word in words)
    most = max(women, len(words) - women)
    if len(words) < FEWEST_COUNTED or most < AGREEMENT * len(words):
        return None
    return "she" if women == most else "he"


FORMS = {"she": ("she", "her", "her"), "he": ("he", "him", "his"), "it": ("it", "it", "its")}
BEFORE_SUBJECT = re.compile(
    r"\b(?:did|does|do|was|were|is|are|has|had|have|will|would|could|can|should|might|must|that|"
    r"when|because|after|before|if|why|how|while|as|and|didn't|wasn't|couldn't|n't)$",
    re.I,
)
PREPOSITION = re.compile(
    r"\b(?:to|of|for|with|about|on|at|by|from|in|into|towards?|behind|near|than|like)$", re.I
)
PARTICLE = re.compile(r"\b(?:up|out|off|down|away|over|back)$", re.I)
LAST_WORDS = re.compile(r"^(?:[?.,;]|$)")


def _replaced(question: str, name: str, pronoun: str) -> str | None:
    """The question with every mention of a name replaced by the fitting form of a pronoun."""
    subject, object_, owner = FORMS[pronoun]
    text, at, out = question, 0, ""
    for found in re.finditer(rf"\b{re.escape(name)}('s|')?(?!\w)", text):
        before, after = text[at : found.start()], text[found.end() :].lstrip()
        so_far = (out + before).rstrip()
        is_last = LAST_WORDS.match(after) is not None
        if found[1] and not so_far.endswith(" of"):
            form = owner
        elif not so_far or (BEFORE_SUBJECT.search(so_far) and not is_last):
            form = subject
        elif (
            not found[1] and not PARTICLE.search(so_far) and (is_last or PREPOSITION.search(so_far))
        ):
            form = object_
        else:
            return None  # it may be a subject or an object
        out += before + form
        at = found.end()
    return out + text[at:] if at else None


def _capital(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:]
