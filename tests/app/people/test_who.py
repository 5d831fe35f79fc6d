"""Where names stand, what is quoted, and that nothing behind the reader's place counts."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from small_books import chapters_of, everybody_in, pages_of

from app.people.who import Everybody, people
from ingest.book import Chapter, Page

FIRST = (
    "Tobias Wren was an old ferryman of the village, and he had a daughter. “Come in,” said "
    "Tobias. They lived in Sandhaven, and nobody came to Sandhaven in winter. Greta Moll was his "
    "niece, a tall girl with red hair. He told Greta that Mr. Wren was ill."
)
SECOND = (
    "Then Greta smiled and went to the mill with Tobias. “Who is Anton?” asked Greta. I heard Mr. "
    "Wren, who laughed at her. In Sandhaven the bells rang for Greta and for the ferryman."
)
THIRD = (
    "Anton Kerr was a doctor, the brother of Greta. She had found him in Lisbon. “No,” said "
    "Anton. Anton smiled at Tobias Wren, and Mrs. Wren wept. Will you come, Anton? The wren sang "
    "to Miss Moll."
)


def test_mentions_chapters_and_pages() -> None:
    found = everybody_in(FIRST, SECOND, THIRD)
    wren = next(named for named in found.people if named.name == "Tobias Wren")
    assert wren.mentions == 6
    assert wren.chapters == ((1, 3), (2, 2), (3, 1))
    assert (wren.first_page, wren.first_label) == (1, "1")
    assert wren.last_page == 2
    counts = [named.mentions for named in found.people]
    assert counts == sorted(counts, reverse=True)


def test_quotes_are_whole_sentences_of_the_text_with_their_places() -> None:
    text, chapters = chapters_of((FIRST, SECOND, THIRD))
    pages = pages_of(text)
    found = people(text, chapters, pages)
    quoted = [quote for named in (*found.people, *found.places) for quote in named.quotes]
    assert quoted
    for quote in quoted:
        assert text[quote.start : quote.end] == quote.text
        assert chapters[quote.chapter - 1].start <= quote.start < chapters[quote.chapter - 1].end
        page = next(p for p in pages if p.number == quote.page_first)
        assert page.start <= quote.start < page.end
        assert quote.text[0].isupper() or quote.text[0] in "“"
        assert quote.text[-1] in ".!?”"


def test_introductions_come_first_and_no_quote_begins_with_a_pronoun() -> None:
    found = everybody_in(FIRST, SECOND, THIRD)
    by_name = {named.name: [quote.text for quote in named.quotes] for named in found.people}
    assert by_name["Greta Moll"][0].startswith("Greta Moll was his niece")
    assert by_name["Anton Kerr"][0].startswith("Anton Kerr was a doctor")
    for texts in by_name.values():
        assert not any(text.startswith(("He ", "She ", "They ")) for text in texts)


def test_quotes_are_spread_over_the_book() -> None:
    part = "Mara Holt was a pilot of the harbour, and everybody knew it. Then Mara smiled at us."
    found = everybody_in(*[part] * 9)
    places = [quote.chapter for quote in found.people[0].quotes]
    assert len(places) == 5
    assert max(places) - min(places) >= 6


def cut_at(chapter: int) -> tuple[str, list[Chapter], list[Page], int]:
    text, chapters = chapters_of((FIRST, SECOND, THIRD, FIRST))
    return text, chapters, pages_of(text), chapters[chapter - 1].end


def changed(text: str, until: int, chance: random.Random) -> str:
    """The text with everything after `until` replaced by other words and names."""
    words = ["Tobias", "Greta", "Wren", "wren", "greta", "tobias", "Anton", "in", "Mrs.", "said.",
             "Elisa", "THE", "\n\n", "was", "“", "Sandhaven", "sandhaven"]  # fmt: skip
    rest = " ".join(chance.choice(words) for _ in range(200))
    return text[:until] + (rest + " " * len(text))[: len(text) - until - 1] + "x"


@pytest.mark.parametrize("chapter", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_what_stands_behind_the_readers_place_changes_nothing(chapter: int, seed: int) -> None:
    text, chapters, pages, until = cut_at(chapter)
    before = people(text, chapters, pages, until)
    chance = random.Random(seed)
    other = changed(text, until, chance)
    later = [replace(c, title=f"Greta {seed}") if c.start >= until else c for c in chapters]
    assert people(other, later, pages, until) == before
    assert before.people != people(text, chapters, pages).people


@pytest.mark.parametrize("offset", [0, 1, 37, 150, 161, 300, 411])
def test_any_offset_cuts(offset: int) -> None:
    text, chapters, pages, _ = cut_at(3)
    other = changed(text, offset, random.Random(offset))
    found = people(text, chapters, pages, offset)
    assert found == people(other, chapters, pages, offset)
    for named in (*found.people, *found.places, *found.others):
        for quote in named.quotes:
            assert quote.end <= offset


def test_the_whole_text_is_the_same_without_a_place_and_at_its_end() -> None:
    text, chapters, pages, _ = cut_at(3)
    assert people(text, chapters, pages, len(text)) == people(text, chapters, pages)
    assert people(text, chapters, pages, 10 * len(text)) == people(text, chapters, pages)
    assert people(text, chapters, pages, 0) == Everybody()
