"""One harness for every memory and comparator: the same questions, prompt, backbone and decoding.

A case is a question about a document inside a longer one: the document's own windows among
distractor windows of other documents. Each condition opens it in its own way:

    none      nothing but the question
    gold      the passage that answers it in the prompt (the ceiling)
    truncated the last tokens of the document, as many as `truncated_tokens`, in the prompt
    wrong     adaptive MELODI over as many windows of other documents, without the right one
    adaptive  adaptive MELODI; `adaptive@0.22` keeps another share of slots
    infini, melodi   the recurrent memories, read over the whole sequence of windows

Windows of adaptive MELODI are read once and kept on disk, so a run that was stopped goes on.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch

from memory_models.address import AddressBook
from memory_models.backbone import Backbone
from memory_models.errors import InvalidRequest
from memory_models.evaluate.data import Question, Record
from memory_models.evaluate.planted import Planted
from memory_models.evaluate.scores import exact_match, rouge_l, token_f1
from memory_models.generate import Decoding, Mixture, Trace, generate, score
from memory_models.memories.adaptive import (
    AdaptiveMemory,
    LayerContext,
    SlotReading,
)
from memory_models.memory import Bundle, Reading, from_bytes, to_bytes
from memory_models.prompt import Prompt, address_query, build_prompt


@dataclass(frozen=True, slots=True)
class Window:
    """One window of text: which record it is of, and which characters of it."""

    record: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question inside a long document."""

    record: int
    question: Question
    passage: str  # the gold passage, empty where it is not known
    windows: tuple[Window, ...]  # the long document, in order
    gold: frozenset[int]  # indices of windows that overlap the gold passage
    wrong: tuple[Window, ...]  # as many windows without the right document
    text: str  # the document's own text


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one condition made of one case."""

    answer: str
    f1: float
    exact_match: float
    rouge_l: float
    nats_per_token: float  # of the first accepted answer, teacher-forced
    first_token_nats: float
    gain: float  # nats per token of the generated answer over memory off
    log_prob: float  # mean log-probability per generated token
    state_bytes: int
    kv_cache_bytes: int
    rank: int | None = None  # place of the best gold window in the address order
    weight_on_gold: float | None = None  # posterior weight of gold windows


@dataclass(frozen=True, slots=True)
class Opened:
    """A reading for a case with its prompt and its cost."""

    reading: Callable[[], Reading]
    prompt: Prompt
    state_bytes: int = 0
    kv_cache_bytes: int = 0
    segments: tuple[int, ...] = ()
    rank: int | None = None


class Condition(Protocol):
    """One row of the table."""

    @property
    def name(self) -> str: ...

    def open(self, case: Case) -> Opened: ...


def build_cases(
    records: Sequence[Record],
    split: Callable[[str], Sequence[tuple[int, int]]],
    distractors: int,
    limit: int | None,
    seed: int = 0,
    only: str | None = None,
) -> list[Case]:
    """Cases of up to `limit` questions, spread evenly over the records of split `only`.

    split: character ranges of a text's windows; distractors: at least so many windows of other
    records stand around the own ones, half before and half behind.
    """
    windows = [
        [Window(i, start, end, record.text[start:end]) for start, end in split(record.text)]
        for i, record in enumerate(records)
    ]
    asked = _choose_questions(records, limit, seed, only)
    return [_case(records, windows, i, question, distractors, seed) for i, question in asked]


def planted_cases(
    planted: Planted, split: Callable[[str], Sequence[tuple[int, int]]], wrong: Sequence[Window]
) -> list[Case]:
    """A case for every planted fact: the whole planted text is the document."""
    windows = tuple(Window(0, s, e, planted.text[s:e]) for s, e in split(planted.text))
    cases = []
    for fact, where in zip(planted.facts, planted.where, strict=True):
        end = where + len(fact.sentence)
        gold = frozenset(i for i, w in enumerate(windows) if w.start < end and w.end > where)
        question = Question(fact.question, (fact.answer,), (where, end))
        cases.append(Case(0, question, fact.sentence, windows, gold, tuple(wrong), planted.text))
    return cases


def _choose_questions(
    records: Sequence[Record], limit: int | None, seed: int, only: str | None
) -> list[tuple[int, Question]]:
    generator = random.Random(seed)
    piles = []
    for index, record in enumerate(records):
        if record.questions and only in (None, record.split):
            order = list(record.questions)
            generator.shuffle(order)
            piles.append([(index, question) for question in order])
    if not piles:
        raise InvalidRequest("No record of this split has a question; choose another --split.")
    rounds = (pile[k] for k in range(max(map(len, piles))) for pile in piles if k < len(pile))
    chosen = list(rounds)
    return sorted(chosen[:limit], key=lambda pair: pair[0])


def _case(
    records: Sequence[Record],
    windows: Sequence[Sequence[Window]],
    index: int,
    question: Question,
    distractors: int,
    seed: int,
) -> Case:
    others = [i for i in range(len(records)) if i != index]
    random.Random(f"{seed}/{records[index].id}").shuffle(others)
    around: list[Window] = []
    for other in others:
        if len(around) >= distractors:
            break
        around += windows[other]
    if len(around) < distractors:
        raise InvalidRequest(
            f"Only {len(around)} windows of other records, {distractors} distractors are asked for."
        )
    around = around[:distractors]
    own = list(windows[index])
    cut = len(around) // 2
    long = [*around[:cut], *own, *around[cut:]]
    spare = [w for i in others for w in windows[i] if w not in around]
    wrong = [*around[:cut], *spare[: len(own)], *around[cut:]]
    text = records[index].text
    passage, gold = "", frozenset[int]()
    if question.gold:
        start, end = question.gold
        passage = text[start:end]
        gold = frozenset(
            i for i, w in enumerate(long) if w.record == index and w.start < end and w.end > start
        )
    return Case(index, question, passage, tuple(long), gold, tuple(wrong), text)


def plain_reading(backbone: Backbone) -> SlotReading:
    """The backbone without any memory: a reading whose one row sees nothing but the prompt."""
    c = backbone.config
    empty = torch.zeros(
        2, c.kv_heads, 0, c.head_size, dtype=backbone.decoder.dtype, device=backbone.decoder.device
    )
    bias = torch.zeros(2, c.kv_heads, 0, device=backbone.decoder.device)
    contexts = [LayerContext(empty, empty, bias)] * c.layers
    return SlotReading(backbone.decoder, contexts, (0,), torch.zeros(1), 0)


@dataclass(frozen=True)
class PromptOnly:
    """none, gold or truncated: what is shown stands in the prompt."""

    name: str
    backbone: Backbone
    show: Callable[[Case], str]

    def open(self, case: Case) -> Opened:
        """The prompt with what this condition shows, and no state."""
        prompt = build_prompt(self.backbone.tokenizer, case.question.question, self.show(case))
        return Opened(lambda: plain_reading(self.backbone), prompt)


class WindowStates:
    """Adaptive MELODI's windows, each read once and kept in a folder."""

    def __init__(self, memory: AdaptiveMemory, folder: Path) -> None:
        self.memory = memory
        made_by = json.dumps([asdict(memory.config), memory.backbone.sha256], sort_keys=True)
        self._folder = folder / hashlib.sha256(made_by.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def read(self, text: str) -> tuple[Path, Path]:
        """Files with the slots and the address keys of a window."""
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        slots, address = (self._folder / f"{key}.{part}" for part in ("slots", "address"))
        if not address.is_file():
            tokens = self.memory.backbone.tokenizer.encode(text)
            left = self.memory.write(torch.tensor(tokens), {}).left
            for path, part in ((slots, "slots"), (address, "address")):
                scratch = path.with_suffix(".part")
                scratch.write_bytes(to_bytes(left[part]))
                scratch.rename(path)
        return slots, address


@dataclass(frozen=True)
class Adaptive:
    """Adaptive MELODI over the case's windows, or over the wrong ones."""

    name: str
    states: WindowStates
    windows: int
    wrong: bool = False

    def open(self, case: Case) -> Opened:
        """Address the windows and open the best of them."""
        memory = self.states.memory
        chosen_windows = case.wrong if self.wrong else case.windows
        files = [self.states.read(window.text) for window in chosen_windows]
        book = AddressBook.from_bundles(
            [(i, from_bytes(address.read_bytes())) for i, (_, address) in enumerate(files)]
        )
        query = address_query(memory.backbone.tokenizer, case.question.question)
        every = torch.arange(len(files))
        order = memory.choose(query, book, every, len(files))
        segments, prior = order.segments[: self.windows], order.prior[: self.windows]
        slots = {s: from_bytes(files[s][0].read_bytes()) for s in segments}
        ranks = [order.segments.index(g) for g in case.gold]
        return Opened(
            reading=lambda: memory.recall(slots, prior),
            prompt=build_prompt(memory.backbone.tokenizer, case.question.question),
            state_bytes=sum(path.stat().st_size for pair in files for path in pair),
            kv_cache_bytes=int(book.lengths.sum()) * memory.backbone.config.kv_bytes_per_token,
            segments=segments,
            rank=min(ranks) if ranks and not self.wrong else None,
        )


class Carried(Protocol):
    """A recurrent memory (Infini-attention, MELODI)."""

    window: int

    def empty(self) -> Bundle: ...
    def write(self, tokens: torch.Tensor, carry: Bundle) -> tuple[Bundle, object]: ...
    def recall(self, carry: Bundle) -> Reading: ...


class Recurrent:
    """A recurrent memory over the whole long document; one state for all questions about it."""

    def __init__(self, name: str, backbone: Backbone, memory: Carried) -> None:
        self.name = name
        self._backbone = backbone
        self._memory = memory
        self._known: tuple[object, Bundle, int] = (None, {}, 0)

    def open(self, case: Case) -> Opened:
        """Read the windows in order, then ask the carry that results."""
        if self._known[0] != case.windows:
            self._known = (case.windows, *self._read(case.windows))
        _, carry, tokens = self._known
        return Opened(
            reading=lambda: self._memory.recall(carry),
            prompt=build_prompt(self._backbone.tokenizer, case.question.question),
            state_bytes=len(to_bytes(carry)),
            kv_cache_bytes=tokens * self._backbone.config.kv_bytes_per_token,
        )

    def _read(self, windows: Sequence[Window]) -> tuple[Bundle, int]:
        ids = [i for w in windows for i in self._backbone.tokenizer.encode(w.text)]
        carry = self._memory.empty()
        for part in torch.tensor(ids).split(self._memory.window):
            carry = self._memory.write(part, carry)[0]
        return carry, len(ids)


def run_case(condition: Condition, case: Case, backbone: Backbone, decoding: Decoding) -> Outcome:
    """Generate freely and score the first accepted answer teacher-forced."""
    tokenizer = backbone.tokenizer
    opened = condition.open(case)
    mixture = Mixture(opened.reading())
    mixture.prefill(opened.prompt.tokens, opened.prompt.question)
    said = Trace()
    for _ in generate(mixture, tokenizer.chat.stops, decoding, said):
        pass
    answer = tokenizer.decode(said.tokens).strip()
    golds = case.question.answers
    target = [*tokenizer.encode(golds[0]), *sorted(tokenizer.chat.stops)[-1:]]
    forced = score(opened.reading(), opened.prompt.tokens, opened.prompt.question, target)
    on_gold = [w for s, w in zip(opened.segments, said.weights, strict=False) if s in case.gold]
    return Outcome(
        answer=answer,
        f1=token_f1(answer, golds),
        exact_match=exact_match(answer, golds),
        rouge_l=rouge_l(answer, golds),
        nats_per_token=-forced.log_prob,
        first_token_nats=-forced.log_probs[0],
        gain=said.gain,
        log_prob=said.log_prob,
        state_bytes=opened.state_bytes,
        kv_cache_bytes=opened.kv_cache_bytes,
        rank=opened.rank,
        weight_on_gold=sum(on_gold) if opened.segments else None,
    )


def run(
    conditions: Sequence[Condition],
    cases: Sequence[Case],
    backbone: Backbone,
    decoding: Decoding,
    log: Path,
) -> Iterator[tuple[int, str, Outcome]]:
    """All conditions on all cases; outcomes in `log` are not computed again."""
    known = _read_log(log)
    for number, case in enumerate(cases):
        for condition in conditions:
            key = _key(condition.name, case)
            if key not in known:
                known[key] = run_case(condition, case, backbone, decoding)
                with log.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps([key, asdict(known[key])], ensure_ascii=False) + "\n")
            yield number, condition.name, known[key]


def _key(name: str, case: Case) -> str:
    texts = "\0".join(w.text for w in case.windows)
    whole = "\0".join((name, case.question.question, *case.question.answers, case.passage, texts))
    return hashlib.sha256(whole.encode()).hexdigest()[:32]


def _read_log(log: Path) -> dict[str, Outcome]:
    if not log.is_file():
        return {}
    lines = log.read_text("utf-8").splitlines()
    return {key: Outcome(**outcome) for key, outcome in map(json.loads, lines)}
