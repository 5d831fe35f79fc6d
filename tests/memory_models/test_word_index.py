"""The words of windows as addresses: BM25 by a literal reference, and what it may not see."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memory_models import backbone as backbones
from memory_models.memories.adaptive import WORD_WEIGHT, AdaptiveConfig, AdaptiveMemory
from memory_models.word_index import MOST, SATURATION, WordIndex, hashes, pack_words

TEXTS = (
    "The keeper found the lamp. The lamp was old.",
    "A storm broke over the harbour; the keeper slept.",
    "Nobody knew the name of the bayou.",
)


def index(texts=TEXTS) -> WordIndex:
    return WordIndex.from_bundles([pack_words(text) for text in texts])


def literal(question: str, texts, rows) -> list[float]:
    windows = [re.findall(r"\w+", texts[row].lower()) for row in rows]
    totals = []
    for window in windows:
        total = 0.0
        for word in set(re.findall(r"\w+", question.lower())):
            saying = sum(word in other for other in windows)
            rarity = math.log(1 + (len(windows) - saying + 0.5) / (saying + 0.5))
            often = window.count(word)
            total += rarity * often * (SATURATION + 1) / (often + SATURATION)
        totals.append(total)
    return totals


@pytest.mark.parametrize("rows", [[0, 1, 2], [2, 0], [1]])
@pytest.mark.parametrize("question", ["Where is the old LAMP?", "The bayou", "Who?", ""])
def test_scores_are_those_of_the_formula(question, rows) -> None:
    found = index().scores(question, torch.tensor(rows))
    assert found.tolist() == pytest.approx(literal(question, TEXTS, rows), abs=1e-5)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=5), st.text(max_size=40))
def test_any_texts_score_as_by_the_formula(texts, question) -> None:
    rows = list(range(len(texts)))
    found = index(texts).scores(question, torch.tensor(rows))
    assert found.tolist() == pytest.approx(literal(question, texts, rows), abs=1e-4)


def test_a_rare_word_counts_more_than_one_that_all_windows_say() -> None:
    keeper, bayou = (index().scores(q, torch.arange(3)).max() for q in ("keeper", "bayou"))
    everywhere = index().scores("the", torch.arange(3)).max()
    assert bayou > keeper > everywhere > 0


def test_what_is_kept_is_small_and_says_nothing_twice() -> None:
    kept = pack_words("so " * 1000 + "So it goes")
    assert kept["words"].dtype == torch.int32 and kept["word_counts"].dtype == torch.uint8
    assert kept["words"].tolist() == sorted(set(hashes("so it goes")))
    assert int(kept["word_counts"].max()) == MOST


def test_a_window_without_words_leaves_one_that_nobody_asks_for() -> None:
    kept = pack_words("... * ...")
    assert kept["words"].tolist() == [0] and kept["word_counts"].tolist() == [1]


def test_hashes_are_the_same_in_every_process() -> None:
    assert list(hashes("Lamp, lamp")) == [-1711844762] * 2
    assert all(-(2**31) <= code < 2**31 for code in hashes("one two three \ud800 four"))


@pytest.fixture(scope="module")
def memory(tiny_backbone: Path) -> AdaptiveMemory:
    loaded = backbones.load(tiny_backbone)
    return AdaptiveMemory(loaded, AdaptiveConfig(((1, 0),), 48, words=True))


def _book(memory: AdaptiveMemory, texts=TEXTS):
    encode = memory.backbone.tokenizer.encode
    lefts = [memory.write(torch.tensor(encode(text)[:48]), {}).left for text in texts]
    return memory.address_book([(n, left["address"]) for n, left in enumerate(lefts)])


def test_a_question_finds_the_window_that_says_its_rare_word(memory: AdaptiveMemory) -> None:
    book = _book(memory)
    plain = replace(book, words=None)
    rows = torch.arange(3)
    with_words, without = (
        dict(zip(*memory.rank("bayou", b, rows), strict=True)) for b in (book, plain)
    )
    gained = {n: float(with_words[n] - without[n]) for n in range(3)}
    assert gained[0] == gained[1] == 0
    assert gained[2] == pytest.approx(WORD_WEIGHT * float(book.words.scores("bayou", rows)[2]))


def test_states_without_words_are_addressed_by_heads_alone(memory: AdaptiveMemory) -> None:
    config = replace(memory.config, words=False)
    older = AdaptiveMemory(memory.backbone, config)
    tokens = torch.tensor(memory.backbone.tokenizer.encode(TEXTS[0])[:48])
    assert "words" not in older.write(tokens, {}).left["address"]
    assert _book(older).words is None and _book(memory).words is not None
    assert len(older.rank("bayou", _book(older), torch.arange(3)).segments) == 3
