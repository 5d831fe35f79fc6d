"""Questions that follow an earlier one: how they are recognised, put to the model and addressed."""

from __future__ import annotations

import pytest
import torch
from novels import QUESTION, Shelf

from app.answering.conversation import LONGEST_EARLIER, Turn, is_follow_up, question_prompt
from memory_models.errors import InvalidRequest
from memory_models.prompt import build_prompt
from memory_models.recall import Ranked, combined


@pytest.mark.parametrize(
    "question",
    [
        "Why?",
        "And why not?",
        "And what did she say to the goblins?",
        "And if they stay longer?",
        "But when is it due?",
        "Who was she?",
        "What happened to him then?",
        "Where was that?",
        "What about the garage?",
        "How much is it for the same room?",
        "Who else?",
    ],
)
def test_a_question_that_leaves_something_out_is_a_follow_up(question: str) -> None:
    assert is_follow_up(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who is the tenant?",
        "What did the princess say to the goblins?",
        "Why did Anne hide the letter that she had found?",
        "When is the rent due?",
        "May the tenant keep a dog?",
        "What is the ferryman's name?",
        "",
    ],
)
def test_a_whole_question_is_not(question: str) -> None:
    assert not is_follow_up(question)


def test_the_turn_before_is_in_the_prompt(shelf: Shelf) -> None:
    tokenizer = shelf.libraries["adaptive"].backbone.tokenizer
    alone = question_prompt(tokenizer, "And why?", None)
    assert alone == build_prompt(tokenizer, "And why?")
    prompt = question_prompt(tokenizer, "And why?", Turn("Who hid the key?", "Mara"))
    text = tokenizer.decode(prompt.tokens)
    assert "Question: Who hid the key?\nAnswer: Mara\nQuestion: And why?\nAnswer:" in text
    nothing = question_prompt(tokenizer, "And why?", Turn("Who hid the key?", ""))
    assert "Answer: Not in the document.\nQuestion: And why?" in tokenizer.decode(nothing.tokens)


def test_a_long_turn_is_cut_and_a_long_question_refused(shelf: Shelf) -> None:
    tokenizer = shelf.libraries["adaptive"].backbone.tokenizer
    turn = Turn("key " * 400, "lamp " * 400)
    plain = len(build_prompt(tokenizer, "And why?").tokens)
    assert len(question_prompt(tokenizer, "And why?", turn).tokens) < plain + 3 * LONGEST_EARLIER
    with pytest.raises(InvalidRequest, match="limit is 512"):
        question_prompt(tokenizer, "key " * 600, Turn("Who?", "Mara"))


def test_scores_of_two_texts_are_combined() -> None:
    one = Ranked((4, 1, 2), torch.tensor([3.0, 2.0, 0.0]))
    other = Ranked((2, 1, 4), torch.tensor([9.0, 1.0, 0.0]))
    both = combined(one, other, 0.5)
    assert both.segments == (2, 4, 1)
    assert both.scores.tolist() == [4.5, 3.0, 2.5]


def test_the_turn_before_changes_what_is_opened(shelf: Shelf) -> None:
    library, document = shelf.libraries["adaptive"], shelf.documents["adaptive"]

    def segments(after: Turn | None) -> list[int]:
        stream = library.ask(document.id, "And why?", after=after)
        list(stream)
        assert stream.after == after
        return [s.segment for s in library.answer(document.id, stream).sources]

    alone = segments(None)
    followed = segments(Turn(QUESTION, "Mara"))
    assert len(alone) == len(followed)
    (first,) = {tuple(segments(Turn(QUESTION, "Mara"))) for _ in range(2)}
    assert list(first) == followed


@pytest.mark.parametrize("kind", ["infini-linear", "melodi"])
def test_every_memory_takes_follow_ups(shelf: Shelf, kind: str) -> None:
    library, document = shelf.libraries[kind], shelf.documents[kind]
    alone = "".join(library.ask(document.id, "And why?"))
    followed = "".join(library.ask(document.id, "And why?", after=Turn(QUESTION, "Mara")))
    assert alone and followed
