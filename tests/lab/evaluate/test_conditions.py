"""Conditions: what the retrieving one shows, and that random numbers are of the state's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from lab.evaluate.cases.background import joined
from lab.evaluate.cases.case import Case, gold_windows
from lab.evaluate.cases.passages import Cutter
from lab.evaluate.cases.records import Question
from lab.evaluate.conditions import Answerer, RagCondition
from lab.evaluate.recurrent_condition import RecurrentCondition
from lab.evaluate.window_conditions import (
    AdaptiveCondition,
    RandomStateCondition,
    WindowStates,
    WrongDocumentCondition,
    noise,
)
from memory_models import backbone as backbones
from memory_models.backbone import Backbone
from memory_models.errors import InvalidRequest
from memory_models.memories.adaptive import AdaptiveConfig, AdaptiveMemory
from memory_models.memories.slots import pack, unpack
from memory_models.memory import Bundle, Reading

TEXTS = [
    "The lamp was lit every evening. A cat slept on the stones. ",
    "Mara found the key in the cellar. The clock stood still. ",
    "Anton sold the boat at the inn. The storm came in. ",
    "The letter lay under the stairs. Greta painted the mill. ",
]


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return backbones.load(tiny_backbone)


@pytest.fixture
def case() -> Case:
    windows = joined(TEXTS)
    text, passage = "".join(TEXTS), "Mara found the key in the cellar."
    span = (text.index(passage), text.index(passage) + len(passage))
    gold = gold_windows(windows, 0, [span])
    question = Question("Where did Mara find the key?", ("in the cellar",), span)
    wrong = tuple(replace(w, text=w.text.replace("Mara", "Ilse")) for w in windows)
    return Case(0, question, passage, windows, gold, wrong, text, spans=(span,))


def shown(backbone: Backbone, opened: RagCondition, case: Case) -> str:
    return backbone.tokenizer.decode(opened.open(case).prompt.tokens)


def test_retrieved_passages_stand_in_the_prompt_in_document_order(
    backbone: Backbone, case: Case
) -> None:
    asked = replace(case, question=replace(case.question, question="Storm? Mara, key, cellar?"))
    text = shown(backbone, RagCondition("rag", Answerer(backbone), 24, 2), asked)
    assert text.index(case.passage) < text.index("The storm came in.")
    assert "The letter" not in text
    one = RagCondition("rag", Answerer(backbone), 24, 1)
    assert "The storm came in." not in shown(backbone, one, asked)
    assert one.open(case).rank == 0
    assert one.open(replace(case, spans=())).rank is None
    assert RagCondition("rag", Answerer(backbone), 24, 99).open(case).prompt.tokens


def test_retrieval_looks_at_the_document_of_its_case(backbone: Backbone, case: Case) -> None:
    rag = RagCondition("rag", Answerer(backbone), 24, 1)
    assert "Mara found" in shown(backbone, rag, case)
    assert "Ilse found" in shown(backbone, rag, replace(case, windows=case.wrong))


def test_passages_too_short_are_refused(backbone: Backbone) -> None:
    with pytest.raises(InvalidRequest, match="3 tokens"):
        Cutter(backbone.tokenizer.count, 3)


def test_noise_has_the_shape_and_the_statistics_of_the_slots() -> None:
    generator = torch.Generator().manual_seed(0)
    layers, G, T, d = 3, 2, 400, 8
    offset = torch.arange(layers).view(-1, 1, 1, 1) * 5.0
    keys = torch.randn(layers, G, T, d, generator=generator) + offset
    values = 0.1 * torch.randn(layers, G, T, d, generator=generator)
    kept = torch.rand(layers, G, T, generator=generator) < 0.5
    kept[1] = False
    kept[1, 0, 3] = True  # a layer with one slot must not show it
    packed = pack(keys, values, kept, 8)
    before, after = unpack(packed, torch.float32), unpack(noise(packed, 1), torch.float32)
    assert after.counts == before.counts and torch.equal(after.places, before.places)
    sizes = [sum(counts) for counts in before.counts]
    for old, new in ((before.keys, after.keys), (before.values, after.values)):
        assert (old - new).abs().mean() > 0.05
        for layer in (0, 2):
            a, b = old.split(sizes)[layer], new.split(sizes)[layer]
            assert torch.allclose(a.mean(0), b.mean(0), atol=0.3)
            assert torch.allclose(a.std(0), b.std(0), rtol=0.25)
    alone, made = (x.split(sizes)[1][0] for x in (before.keys, after.keys))
    assert abs(float(torch.cosine_similarity(alone, made, dim=0))) < 0.9
    assert torch.equal(unpack(noise(packed, 1), torch.float32).keys, after.keys)


def test_a_random_state_has_the_size_of_the_true_one(
    backbone: Backbone, case: Case, tmp_path: Path
) -> None:
    memory = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=64, keep_ratio=0.5))
    states = WindowStates(memory, tmp_path)
    true, random = (
        kind("it", states, Answerer(backbone), 2).open(case)
        for kind in (AdaptiveCondition, RandomStateCondition)
    )
    assert (true.state_bytes, true.kv_cache_bytes) == (random.state_bytes, random.kv_cache_bytes)
    assert true.state_bytes > 0 and true.rank is not None and random.rank is None
    step = torch.tensor(true.prompt.tokens)
    a, b = (opened.reading().step(step, last=1) for opened in (true, random))
    assert a.shape == b.shape and not torch.allclose(a[:-1], b[:-1], atol=1e-3)
    assert torch.allclose(a[-1], b[-1], atol=1e-3)  # memory off is the same


def test_the_wrong_document_is_read_in_place_of_the_right_one(
    backbone: Backbone, case: Case, tmp_path: Path
) -> None:
    memory = AdaptiveMemory(backbone, AdaptiveConfig(((1, 0),), window=64, keep_ratio=0.5))
    states = WindowStates(memory, tmp_path)
    wrong = WrongDocumentCondition("wrong", states, Answerer(backbone), 2)
    assert set(wrong.unread(case).values()) == {w.text for w in case.wrong}
    assert wrong.open(case).rank is None and not wrong.unread(case)
    left = AdaptiveCondition("adaptive", states, Answerer(backbone), 2).unread(case)
    assert set(left.values()) == {TEXTS[1]}


@dataclass(frozen=True, slots=True)
class _Newer(AdaptiveConfig):
    merge: str = "none"


def test_newer_settings_change_files_and_outcomes_only_where_they_are_used(
    backbone: Backbone, tmp_path: Path
) -> None:
    def condition(config: AdaptiveConfig) -> AdaptiveCondition:
        states = WindowStates(AdaptiveMemory(backbone, config), tmp_path)
        return AdaptiveCondition("adaptive", states, Answerer(backbone), 2)

    plain = condition(AdaptiveConfig(((1, 0),)))
    unused, used = condition(_Newer(((1, 0),))), condition(_Newer(((1, 0),), merge="near"))
    assert plain.variant == unused.variant != used.variant
    folders = {c._states.files("text")[0].parent for c in (plain, unused)}
    assert len(folders) == 1 and used._states.files("text")[0].parent not in folders


def test_states_of_another_number_type_or_another_request_are_other_files(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def file(dtype: torch.dtype) -> Path:
        loaded = backbones.load(tiny_backbone, dtype=dtype)
        memory = AdaptiveMemory(loaded, AdaptiveConfig(((1, 0),)))
        return WindowStates(memory, tmp_path).files("text")[0]

    single = file(torch.float32)
    assert file(torch.float32) == single != file(torch.bfloat16)
    monkeypatch.setattr("memory_models.memories.adaptive.REPEAT_REQUEST", "Once more.")
    assert file(torch.float32) != single


class Listening:
    """Remembers the lengths of the segments it is given."""

    def __init__(self, window: int) -> None:
        self.window, self.lengths = window, list[int]()

    def empty(self) -> Bundle:
        return {}

    def write_repeating(self, segments: Sequence[torch.Tensor], carry: Bundle) -> Bundle:
        self.lengths = [len(segment) for segment in segments]
        return carry

    def recall(self, carry: Bundle) -> Reading:
        raise NotImplementedError


def test_segments_are_what_the_split_makes_of_a_window_or_longer_than_windows(
    backbone: Backbone, case: Case
) -> None:
    def halves(text: str) -> list[tuple[int, int]]:
        middle = text.index(". ") + 2
        return [(0, middle), (middle, len(text))]

    encode = backbone.tokenizer.encode
    counts = [len(encode(w.text[a:b])) for w in case.windows for a, b in halves(w.text)]
    memory = Listening(max(counts))
    RecurrentCondition("melodi", Answerer(backbone), memory, halves).open(case)
    assert memory.lengths == counts
    memory = Listening(2 * max(counts))
    RecurrentCondition("infini", Answerer(backbone), memory, halves).open(case)
    assert sum(memory.lengths) == sum(counts) and set(memory.lengths[:-1]) == {memory.window}
