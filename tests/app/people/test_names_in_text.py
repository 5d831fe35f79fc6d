"""What counts as a name: each rule by a small text of its own."""

from __future__ import annotations

import pytest
from small_books import everybody_in, forms, names

from app.people.forms import forms_of
from app.people.runs import runs_of
from ingest.book import Chapter


def counted(text: str) -> dict[str, int]:
    """Every form of a name in a text of one chapter, with its mentions."""
    found = forms_of(runs_of(text, [Chapter("x", 0, len(text))]))
    return {form.shown: len(form.mentions) for form in found}


def test_a_word_with_a_capital_only_at_the_start_of_sentences_is_no_name() -> None:
    text = "Lanterns burned. Lanterns went out. He saw Mara. Mara wept."
    assert counted(text) == {"Mara": 2}


def test_a_word_that_the_text_has_in_small_letters_is_no_name() -> None:
    text = "The Harbour was cold. I walked to the harbour, the grey harbour. He met Ilse there."
    assert counted(text) == {"Ilse": 1}


def test_a_capital_after_an_opening_quote_says_nothing() -> None:
    assert counted("He said, “Lanterns, bring lanterns!” and she said, “Nobody came.”") == {}


def test_names_in_dialogue_tags_count() -> None:
    text = "“Who is there?” asked Tobias. “I,” Tobias heard. “Come in,” said Tobias."
    assert counted(text) == {"Tobias": 3}


@pytest.mark.parametrize(
    "said",
    ["On Monday in June", "the Englishman and two Germans", "at Christmas", "my God, oh Heaven"],
)
def test_days_months_nations_and_calls_are_no_names(said: str) -> None:
    assert counted(f"It happened thus: {said} it was. Then Mara saw {said} again.") == {"Mara": 1}


def test_possessives_are_their_owners() -> None:
    assert counted("It was Mara's boat. I took Mara’s oar, and Mara went.") == {"Mara": 3}


def test_titles_initials_and_particles_belong_to_a_name() -> None:
    text = (
        "There came Mr. J. H. Watson with Lady Catherine de Bourgh and Captain Ludwig von Trapp. "
        "Later came Dr. Mortimer, Miss O'Brien and the Duke of Wellington."
    )
    assert set(counted(text)) == {
        "Mr. J. H. Watson",
        "Lady Catherine de Bourgh",
        "Captain Ludwig von Trapp",
        "Dr. Mortimer",
        "Miss O'Brien",
        "Duke of Wellington",
    }


def test_a_couple_is_two() -> None:
    assert counted("They met Mr. and Mrs. Musgrove there.") == {
        "Mr. Musgrove": 1,
        "Mrs. Musgrove": 1,
    }


def test_the_family_is_not_a_person() -> None:
    text = "He saw Mr. Musgrove. The Musgroves were rich. I like the Musgroves, the Musgroves all."
    assert counted(text) == {"Mr. Musgrove": 1}


def test_words_in_capitals_are_the_name_they_spell_and_nothing_else() -> None:
    text = "Then Nora rose. NORA was afraid. The NBC and a loud HALT frightened Nora."
    assert counted(text) == {"Nora": 3}


def test_offices_alone_name_nobody() -> None:
    assert counted("I told the Captain and the Vicar. Then the Doctor met Mara.") == {"Mara": 1}


def test_lines_of_verse_begin_with_capitals() -> None:
    text = (
        "Upon the hill the shepherd sang,\nGolden was the morning light,\n"
        "Beside the brook sat Phyllis."
    )
    assert "Golden" not in counted(text)
    assert counted(text)["Phyllis"] == 1


def test_adjectives_before_a_name_are_left_out() -> None:
    assert counted("I pity Poor Tobias, and Old Tobias knows.") == {"Tobias": 2}


def test_headings_and_publishers_matter_do_not_count() -> None:
    story = "“Yes,” said Mara. They saw Mara smile. I think Mara smiled at him."
    found = everybody_in(
        "The Gutenberg Licence names Michael Hart. Write to Michael Hart.",
        f"The Return Of Mara\n\n{story}",
        "Michael Hart was here. I met Michael Hart.",
        matters=("front", "main", "back"),
    )
    assert forms(found) == {"Mara": {"Mara": 3}}


def test_nothing_is_found_in_nothing() -> None:
    found = everybody_in("and so it went on, and nobody was there.")
    assert (found.people, found.places, found.others) == ((), (), ())


def test_people_places_and_unknown_names_are_told_apart() -> None:
    found = everybody_in(
        "They lived in Lisbon. He came to Lisbon, and she died in Lisbon. We went to Mill Street "
        "and along Mill Street. “Yes,” said Anselmo. Then Anselmo smiled. We had Zorbex, some "
        "Zorbex, no more Zorbex. They asked Mrs. Pell, and Mrs. Pell came."
    )
    assert names(found.people) == {"Anselmo", "Mrs. Pell"}
    assert names(found.places) == {"Lisbon", "Mill Street"}
    assert names(found.others) == {"Zorbex"}
