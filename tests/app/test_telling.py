"""Which sentences of a chapter people would tell."""

from __future__ import annotations

from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from app.summaries.key_passages import book_passages, key_passages
from app.summaries.telling import centrality, most_telling, telling
from ingest.book import Page

STORY = [
    "Mara sold the boat of her father to Anton, the keeper of the lighthouse.",
    "It was, oh, whatever.",
    "In the evening Anton took the boat and rowed with Mara to the lighthouse.",
    "Hush!",
    "The storm broke the boat of Anton upon the rocks, and Mara lit the lamp.",
    "Quickly.",
]


def test_what_the_chapter_speaks_of_tells_more_than_exclamations() -> None:
    scores = telling(STORY)
    assert min(scores[0], scores[2], scores[4]) > max(scores[1], scores[3], scores[5])


def test_every_part_of_a_chapter_gives_its_share() -> None:
    many = STORY * 20
    chosen = most_telling(many, [True] * len(many), 12)
    assert len(chosen) == 12 and chosen == sorted(chosen)
    quarters = [sum(at <= n / len(many) < at + 0.25 for n in chosen) for at in (0, 0.25, 0.5, 0.75)]
    assert quarters == [3, 3, 3, 3]


def test_what_cannot_stand_alone_is_taken_only_where_nothing_can() -> None:
    alone = [n != 2 for n in range(len(STORY))]
    assert 2 not in most_telling(STORY, alone, 3)
    assert len(most_telling(STORY, [False] * len(STORY), 2)) == 2
    assert most_telling([], [], 3) == [] and most_telling(STORY, alone, 0) == []


@given(st.lists(st.text(alphabet="ab Aß1", max_size=12), max_size=12), st.integers(1, 9))
def test_any_sentences_have_a_score(sentences: list[str], count: int) -> None:
    assert len(telling(sentences)) == len(centrality(sentences)) == len(sentences)
    chosen = most_telling(sentences, [True] * len(sentences), count)
    assert len(chosen) <= count and chosen == sorted(set(chosen))


def test_a_long_chapter_takes_less_than_a_second() -> None:
    text = " ".join(STORY * 1000)  # 52,000 words
    started = perf_counter()
    found = key_passages(text, 0, len(text), [Page(1, "1", 0, len(text))], 14)
    assert len(found) == 14 and perf_counter() - started < 5  # below 1 s on an idle machine


def test_a_book_of_few_chapters_has_as_many_passages_as_one_of_many() -> None:
    def of_chapter(number: int, count: int) -> list[str]:
        return [f"Anna saw the boat number {number} of {n}." for n in range(count)]

    assert len(book_passages([1, 2], of_chapter, 5, str)) == 5
    assert len(book_passages([1], of_chapter, 5, str)) == 5
    assert len(book_passages(list(range(40)), of_chapter, 5, str)) == 5
    assert book_passages([], of_chapter, 5, str) == []
