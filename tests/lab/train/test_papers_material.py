"""Everyday papers: what is asked stands at its place, and what is not stated is abstained from."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from functools import cache

import pytest

from lab.evaluate.scores import normalize
from lab.train.answering.papers.asking import Shown, ask_answerable
from lab.train.answering.papers.drawing import Drawing, Exhausted
from lab.train.answering.papers.joining import Joined, join
from lab.train.answering.papers.kinds import Kind, ask, kind
from lab.train.answering.papers.kinds_of_fact.people import ROLE
from lab.train.answering.papers.names import Person
from lab.train.answering.papers.settings.home import HOUSE
from lab.train.answering.papers.sheets import KINDS, LURES, SETTINGS, SHEETS
from lab.train.answering.papers.source import Papers
from lab.train.answering.papers.synonyms import renamed, reworded
from lab.train.answering.papers.wording import gerund, third_person, with_article
from lab.train.answering.papers.writing import MOST_WORDS, Paper, Placed, write_fact, write_paper
from lab.train.examples import Mix, Span, Unit, draw_units
from memory_models.errors import BadData
from memory_models.prompt import ABSTAINED

BOOK = "Rain fell on the hills all day and nobody went out. " * 200
GLUE = frozenset({"yes", "no", "because", "in", "on", "at", "only", "her", "his"})


def split(text: str) -> list[tuple[int, int]]:
    return [(start, min(start + 2000, len(text))) for start in range(0, len(text), 2000)]


@cache
def units(count: int = 150) -> tuple[Unit, ...]:
    drawn = draw_units([Papers(1.0)], [BOOK], split, Mix(together=0.3), 0, 0)
    return tuple(itertools.islice(drawn, count))


@cache
def papers(count: int = 400) -> tuple[Paper, ...]:
    made = []
    for number in range(count):
        rng = random.Random(number)
        sheet = rng.choice(SHEETS)
        drawing = Drawing(rng, rng.choice(sheet.settings), rng.choice(sheet.styles))
        made.append(write_paper(sheet, drawing, rng))
    return tuple(made)


def test_units_are_the_same_again_and_differ_from_each_other() -> None:
    again = itertools.islice(draw_units([Papers(1.0)], [BOOK], split, Mix(together=0.3), 0, 5), 20)
    assert list(again) == list(units()[5:25])
    assert len({unit.windows for unit in units()}) == len(units())


def test_places_are_exact_and_hold_the_answer() -> None:
    for asked, window in _asked_with_windows(answered=True):
        assert asked.span is not None
        place = window[asked.span.start : asked.span.end]
        assert place == place.strip() and place[0] == place[0].upper()
        before = window[: asked.span.start]
        assert not before or before[-1] in " \n", before[-20:]
        known = set(normalize(place).split())
        missing = [w for w in normalize(asked.answer).split() if w not in known | GLUE]
        assert len(missing) <= 1, (asked, place)  # a verb may have been bent


def test_abstentions_name_the_sentence_that_comes_closest() -> None:
    abstained = list(_asked_with_windows(answered=False))
    assert all(asked.answer == ABSTAINED for asked, _ in abstained)
    placed = [asked for asked, window in abstained if asked.span and asked.span.end <= len(window)]
    assert len(placed) > 0.6 * len(abstained)


def test_answers_and_abstentions_keep_the_mix() -> None:
    answered = sum(not a.abstained for unit in units() for a in unit.asked)
    abstained = sum(a.abstained for unit in units() for a in unit.asked)
    assert 0.25 < abstained / answered < 0.35
    starts = Counter(
        a.answer.split(",")[0] for unit in units() for a in unit.asked if not a.abstained
    )
    assert starts["Yes"] > 0.03 * answered and starts["No"] > 0.03 * answered
    assert 0.5 < starts["Yes"] / starts["No"] < 2


def test_few_questions_about_rules_are_left_open() -> None:
    begin = ("can", "may", "is", "am", "are", "do", "does", "could", "would", "must")
    decided = [a for unit in units() for a in unit.asked if a.question.lower().startswith(begin)]
    assert len(decided) > 200
    assert sum(a.abstained for a in decided) < 0.25 * len(decided)


def test_some_sentences_state_several_facts() -> None:
    joined = plain = 0
    for paper in papers():
        places = Counter((p.start, p.end) for p in paper.placed)
        joined += sum(count for count in places.values() if count > 1)
        plain += sum(count for count in places.values() if count == 1)
    assert 0.15 < joined / (joined + plain) < 0.5


def test_joined_sentences_keep_their_facts_and_names() -> None:
    rng = random.Random(3)
    drawing = _drawing(rng)
    facts = [write_fact(ROLE, drawing, rng) for _ in range(8)]
    made = [part for part in join(facts, drawing, rng) if isinstance(part, Joined)]
    assert made
    for part in made:
        assert part.text.endswith(".") and part.text[0] == part.text[0].upper()
        for fact in part.facts:
            assert str(fact.values["who"]) in part.text
            assert str(fact.values["role"]).lower() in part.text.lower()


def test_questions_use_other_words_than_the_paper() -> None:
    rng = random.Random(0)
    said = {reworded("hand in the timesheet", "task", rng) for _ in range(40)}
    assert {"hand in the timesheet", "submit the timesheet"} <= said
    assert reworded("wine steward", "role", rng) == "wine steward"
    assert {reworded("caretaker", "role", rng) for _ in range(20)} == {"caretaker", "janitor"}
    assert reworded("borrow the atlas", "sum", rng) == "borrow the atlas"
    person = Person("Ada Finch", "Ada", "Finch", True)
    assert "Finch" in {str(renamed(person, rng)).split()[-1] for _ in range(20)}
    assert any(str(renamed(person, rng)) != "Ada Finch" for _ in range(40))
    assert renamed(Person("Ada", "Ada", "Finch", True), rng).shown == "Ada"


def test_a_rule_is_asked_about_in_words_that_it_does_not_have() -> None:
    rng = random.Random(0)
    for _ in range(30):
        fact = write_fact(KINDS["prohibition in other words"], _drawing(rng), rng)
        matter = fact.values["matter"]
        assert matter.named.lower() in fact.text.lower() and matter.act not in fact.text


def test_no_question_is_asked_twice_with_different_answers() -> None:
    for unit in units():
        answers: dict[str, str] = {}
        for asked in unit.asked:
            assert answers.setdefault(asked.question, asked.answer) == asked.answer, asked


def test_papers_have_distractors_of_the_same_look() -> None:
    alike = 0
    for paper in papers():
        families = Counter(p.fact.kind.family for p in paper.placed)
        alike += max(families.values()) > 1
    assert alike > 0.9 * len(papers())


def test_no_two_people_of_a_paper_share_a_name() -> None:
    for paper in papers():
        people = [v for p in paper.placed for v in p.fact.values.values() if isinstance(v, Person)]
        assert len({p.first for p in people}) == len(people) == len({p.last for p in people})


def test_papers_are_as_long_as_they_should_be() -> None:
    lengths = sorted(len(paper.text.split()) for paper in papers())
    assert lengths[len(lengths) // 10] > 35 and lengths[-1] < MOST_WORDS + 80
    assert lengths[len(lengths) // 2] > 80


@pytest.mark.parametrize("made", KINDS.values(), ids=list(KINDS))
def test_every_wording_states_what_is_asked_of_it(made: Kind) -> None:
    for number in range(len(made.wordings)):
        drawing, fact = _fact(made, number)
        assert "{" not in fact.text and fact.wording == number
        write_fact(ROLE, drawing, drawing.rng)  # somebody else, for questions about another one
        shown = [Shown(Placed(fact, 0, len(fact.text)), Span(0, len(fact.text)))]
        asked = [a for _ in range(12) for a in ask_answerable(shown, drawing, 9, drawing.rng)]
        assert bool(asked) is (made not in LURES)
        known = set(normalize(fact.text).split()) | GLUE
        for one in asked:
            missing = [w for w in normalize(one.answer).split() if w not in known]
            assert len(missing) <= 1, (one, fact.text)
            assert "{" not in one.question and one.question[0] == one.question[0].upper()


def test_every_wording_is_reached() -> None:
    stated = {sheet_kind for sheet in SHEETS for sheet_kind in sheet.kinds}
    ends = {end for sheet in SHEETS for end in (sheet.opening, sheet.closing) if end}
    assert {k.name for k in stated | ends | set(LURES)} == set(KINDS)
    rng = random.Random(0)
    for made in (ROLE, LURES[0]):
        reached = {write_fact(made, _drawing(rng), rng).wording for _ in range(400)}
        assert reached == set(range(len(made.wordings)))


def test_there_are_kinds_and_wordings_enough() -> None:
    assert len(KINDS) >= 25
    assert all(len(made.wordings) >= 12 for made in KINDS.values())


def test_a_paper_cut_off_by_its_window_is_asked_about_what_is_left() -> None:
    def narrow(text: str) -> list[tuple[int, int]]:
        return [(start, min(start + 300, len(text))) for start in range(0, len(text), 300)]

    drawn = itertools.islice(draw_units([Papers(1.0)], [BOOK], narrow, Mix(), 0, 0), 40)
    for unit in drawn:
        assert all(len(window) <= 300 for window in unit.windows if not unit.is_page)
        assert all(a.span is None or a.span.end <= 300 or unit.is_page for a in unit.asked)


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(BadData, match="weight"):
        Papers(-1.0)
    with pytest.raises(BadData, match="wordings"):
        kind("few", "people", "Only {who}.", ask("Who is {who}?", "{who}"))
    with pytest.raises(BadData, match="field"):
        ask("Who is it?\nWho is the {role}?", "{who}", "role")


def test_words_are_bent_as_english_bends_them() -> None:
    assert (
        gerund("keep a dog") == "keeping a dog" and gerund("put up a tent") == "putting up a tent"
    )
    assert gerund("take eggs") == "taking eggs" and gerund("tie a horse") == "tying a horse"
    assert third_person("miss a cue") == "misses a cue" and third_person("copy it") == "copies it"
    assert with_article("usher") == "an usher" and with_article("hourly rate") == "an hourly rate"


def _asked_with_windows(*, answered: bool) -> list[tuple]:
    return [
        (a, unit.windows[a.span.window] if a.span else "")
        for unit in units()
        for a in unit.asked
        if a.abstained is not answered
    ]


def _drawing(rng: random.Random) -> Drawing:
    return Drawing(rng, HOUSE, "full")


def _fact(made: Kind, number: int):
    """A fact of a kind in one of its wordings, in a setting that has words for it."""
    for seed in range(20):
        rng = random.Random(f"{made.name}/{number}/{seed}")
        drawing = Drawing(rng, SETTINGS[seed % len(SETTINGS)], "full")
        try:
            return drawing, write_fact(made, drawing, rng, number)
        except Exhausted:
            continue
    raise AssertionError(f"{made.name} {number} cannot be written")
