"""Forms of a name are joined where they are one person's, and only there."""

from __future__ import annotations

from small_books import everybody_in, forms

from app.people.who import Everybody


def joined(text: str) -> dict[str, dict[str, int]]:
    """Forms with their mentions, by the name that is shown."""
    return forms(everybody_in(text))


def together(found: dict[str, dict[str, int]], *wanted: str) -> bool:
    """Whether all these forms are one person's."""
    return any(set(wanted) <= set(own) for own in found.values())


def test_first_name_last_name_and_title_are_one() -> None:
    found = joined(
        "There sat Anne Elliot. I saw Anne. They asked Miss Elliot. Then Anne smiled at us. "
        "He thought of Sherlock Holmes. I told Mr. Sherlock Holmes. Then Holmes smiled. Mr. Holmes "
        "went, and Holmes came."
    )
    assert found == {
        "Anne Elliot": {"Anne": 2, "Anne Elliot": 1, "Miss Elliot": 1},
        "Sherlock Holmes": {
            "Holmes": 2,
            "Sherlock Holmes": 1,
            "Mr. Sherlock Holmes": 1,
            "Mr. Holmes": 1,
        },
    }


def test_husband_and_wife_are_two() -> None:
    found = joined(
        "I met Mr. Musgrove. He met Mrs. Musgrove. They saw Charles Musgrove. Then Charles smiled. "
        "Mrs. Musgrove sat with Mr. Musgrove."
    )
    assert not together(found, "Mr. Musgrove", "Mrs. Musgrove")
    assert together(found, "Charles Musgrove", "Mr. Musgrove", "Charles")


def test_a_wife_who_is_named_by_her_husband_is_not_he() -> None:
    found = joined(
        "I met Mrs. John Dashwood. They met John Dashwood. Then John sat. I saw Mr. John Dashwood."
    )
    assert together(found, "John Dashwood", "Mr. John Dashwood", "John")
    assert not together(found, "John Dashwood", "Mrs. John Dashwood")


def test_a_mother_is_not_her_daughter() -> None:
    found = joined(
        "I saw Fanny Price. They called Miss Price. Then Miss Fanny came. He told Mrs. Price, and "
        "Mrs. Price wept. Then Fanny smiled."
    )
    assert together(found, "Fanny Price", "Miss Price", "Fanny")
    assert not together(found, "Fanny Price", "Mrs. Price")


def test_sisters_stay_two_and_nobody_guesses_who_miss_is() -> None:
    found = joined(
        "There came Elizabeth Elliot. There came Anne Elliot. We saw Miss Elliot. "
        + "The road was long and nobody spoke a word of it. " * 40
        + "In the end we saw Miss Elliot with Anne. And Elizabeth smiled."
    )
    assert not together(found, "Elizabeth Elliot", "Anne Elliot")
    assert together(found, "Elizabeth Elliot", "Elizabeth")
    assert together(found, "Anne Elliot", "Anne")
    assert "Miss Elliot" in found


def test_the_one_who_stands_near_is_meant() -> None:
    found = joined(
        "Here came John Thorpe. Then John smiled, and John went. "
        + "The road was long and nobody spoke a word of it. " * 40
        + "Here came John Knightley. Then John sat down, and John slept."
    )
    assert found["John Thorpe"]["John"] == 2
    assert found["John Knightley"]["John"] == 2


def test_two_names_with_and_between_them_are_two_people() -> None:
    found = joined("I met Jack and John. Then Jack and John smiled. We asked Jack, and John came.")
    assert not together(found, "Jack", "John")


def test_short_forms_join_their_first_name() -> None:
    found = joined(
        "There was Elizabeth Bennet. I like Lizzy. Then Lizzy smiled. I saw Elizabeth. There sat "
        "Lady Catherine de Bourgh. Here came Kitty, and Kitty smiled."
    )
    assert together(found, "Elizabeth Bennet", "Lizzy", "Elizabeth")
    assert not together(found, "Lady Catherine de Bourgh", "Kitty")


def test_ranks_tell_brothers_apart() -> None:
    found = joined(
        "I met Captain Wentworth. He met Mr. Wentworth. Then Captain Wentworth smiled, and "
        "Frederick Wentworth it was. Here Sir Walter Elliot stood. They saw Sir Walter. I saw Mr. "
        "Elliot."
    )
    assert not together(found, "Captain Wentworth", "Mr. Wentworth")
    assert together(found, "Sir Walter Elliot", "Sir Walter")
    assert not together(found, "Sir Walter Elliot", "Mr. Elliot")


def test_an_officer_is_not_called_by_a_first_name() -> None:
    found = joined("I met Fitzwilliam Darcy. He met Colonel Fitzwilliam. I saw Mr. Darcy smile.")
    assert together(found, "Fitzwilliam Darcy", "Mr. Darcy")
    assert not together(found, "Fitzwilliam Darcy", "Colonel Fitzwilliam")


def test_a_brother_who_is_always_told_apart_by_his_first_name() -> None:
    found = joined(
        "Here came Mr. Knightley. I like Mr. Knightley. "
        + "Then we met Mr. John Knightley again. " * 12
        + "But Mr. Knightley smiled."
    )
    assert not together(found, "Mr. Knightley", "Mr. John Knightley")


def test_initials_and_middle_names_are_the_same_person() -> None:
    found = joined(
        "I know John H. Watson. They saw John Watson. We met J. Watson. Dr. Watson smiled."
    )
    assert together(found, "John H. Watson", "John Watson", "J. Watson", "Dr. Watson")


def test_she_is_not_he() -> None:
    text = "Here was Wemmick. " + "Then Wemmick said that he was tired. " * 5
    found = joined(text + "I met Mrs. Wemmick, and Mrs. Wemmick smiled.")
    assert not together(found, "Wemmick", "Mrs. Wemmick")


def test_each_mention_counts_once() -> None:
    text = "There came Anne Elliot. " + "We saw Anne. They met Miss Elliot. " * 7
    found: Everybody = everybody_in(text)
    assert sum(named.mentions for named in found.people) == 15
    assert all(n.mentions == sum(c for _, c in n.variants) for n in found.people)
