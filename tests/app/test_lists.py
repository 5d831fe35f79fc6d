"""Which questions want a list from the whole book."""

from __future__ import annotations

import pytest

from app.answering.lists import asks_for_all

LISTS = """
Everyone who visited the island
List every ship that is named.
List all the places where the doctor was seen.
Which characters die?
How often is the lighthouse mentioned?
Who are all the brothers?
Every time that Anna lies
All places where a green parrot was seen
What are all the rules of the club?
Find every passage about the sea.
Which places did Marlow visit?
Name all of her children.
Tell me everything that was stolen.
How many times does he propose?
Show me all mentions of the war.
Who was everybody that came to the ball?
What letters did she receive?
Which houses had a lamp in the window?
Please list the gifts that the children got.
Whenever the old man speaks of his son, what does he say?
""".strip().splitlines()
SINGLE = """
Who found the key in the harbour?
Why did the Giant cry?
Where did they go in the morning?
What was in the letter?
Who is the captain's sister?
When does the train leave?
What colour was the old ferry?
How did the journey end?
Was everyone at home?
How much did the museum pay for the falcon?
What is the name of the dog?
Did all go well in the end?
Which instrument did Ludmila play?
What happened after all the guests had left?
How old is Anna?
Who wrote the list that lay on the table?
What did she say to him every morning?
Is the house for sale?
How many canaries did Doctor Hart keep?
In which village was the clockmaker born?
""".strip().splitlines()


def test_there_are_twenty_of_each() -> None:
    assert len(LISTS) == len(SINGLE) == 20


@pytest.mark.parametrize("question", LISTS)
def test_a_list_is_asked_for(question: str) -> None:
    assert asks_for_all(question)
    assert asks_for_all(question.upper())


@pytest.mark.parametrize("question", SINGLE)
def test_one_place_is_asked_for(question: str) -> None:
    assert not asks_for_all(question)
