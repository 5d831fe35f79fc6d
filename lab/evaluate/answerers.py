"""Conditions by their names, as `--memories` has them, and what answers in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.engine import Engine
from app.errors import InvalidSetting
from app.memory_config import config_json
from app.trained import AdaptedDecoder
from ingest.segments import split_text
from lab.evaluate.cases.case import Case
from lab.evaluate.cases.passages import MOST, TOKENS
from lab.evaluate.conditions import (
    Answerer,
    Condition,
    PageCondition,
    PromptCondition,
    RagCondition,
)
from lab.evaluate.recurrent_condition import RecurrentCondition
from lab.evaluate.window_conditions import (
    AdaptiveCondition,
    RandomStateCondition,
    TogetherCondition,
    WindowStates,
    WrongDocumentCondition,
)
from memory_models.backbone import Backbone
from memory_models.memories.infini import UPDATES
from memory_models.tokenizer import Tokenizer

CONDITIONS = (
    "none",
    "wrong",
    "random",
    "gold",
    "truncated[@TOKENS]",
    "full",
    "rag[@PASSAGE_TOKENSxPASSAGES]",
    "adaptive[@KEEP_RATIO[xBITS]]",
    "together[@KEEP_RATIO[xBITS]]",
    "infini[@linear or @delta]",
    "melodi",
)
TRUNCATED_TOKENS = 2048  # of the document's end, shown by `truncated`
ROOM = 512  # positions that `full` leaves to the question and its answer
SEEN_TOGETHER = 4  # windows; the answer adapter was trained on at most this many at once
OVER_WINDOWS: dict[str, type[AdaptiveCondition | RandomStateCondition]] = {
    "adaptive": AdaptiveCondition,
    "together": TogetherCondition,
    "wrong": WrongDocumentCondition,
    "random": RandomStateCondition,
}


@dataclass(frozen=True, slots=True)
class Answerers:
    """What answers, for each way of showing the document.

    One answer adapter, trained on windows and pages alike, answers from nothing, from pages and
    from slots. Retrieved passages have an adapter of their own on top of it.
    """

    off: Answerer  # nothing is shown
    page: Answerer  # the gold passage, or the document's end, is in the prompt
    rag: Answerer  # retrieved passages are in the prompt; trained on those where it fits
    slots: Answerer  # addressed windows are open
    plain: Answerer  # recurrent memories that nothing was trained for


def answerers(engine: Engine, *, abstains: bool = True, rag: bool = False) -> Answerers:
    """The answer adapter for all where there is one, else the plain backbone.

    With nothing shown it may not abstain: memory off is its best guess. `abstains` says whether
    the others may, `rag` whether any condition shows retrieved passages.
    """
    plain = Answerer(engine.backbone)
    adapted = _adapted(engine, engine.trained.answers()) or plain
    over_rag = (_adapted(engine, engine.trained.rag()) if rag else None) or adapted
    off = _without_abstention(adapted)
    if not abstains:
        adapted, over_rag = off, _without_abstention(over_rag)
    return Answerers(off, adapted, over_rag, adapted, plain)


def _adapted(engine: Engine, adapted: AdaptedDecoder | None) -> Answerer | None:
    if adapted is None or not engine.settings.adapters:
        return None
    backbone = engine.backbone
    sha256 = f"{backbone.sha256}+{adapted.name}"
    return Answerer(replace(backbone, decoder=adapted.decoder, sha256=sha256), engine.abstention)


def _without_abstention(answerer: Answerer) -> Answerer:
    abstention = answerer.abstention
    return replace(answerer, abstention=abstention and replace(abstention, threshold=0.0))


def rag_note(engine: Engine, names: Sequence[str]) -> str:
    """What to tell the user where `rag` has no adapter of its own though the state has one."""
    if not uses_rag(names) or not engine.settings.adapters:
        return ""
    if engine.trained.answers() is None or engine.trained.rag() is not None:
        return ""
    return (
        "The answer adapter answers for rag too: no retrieval adapter was trained over it "
        "(`bookstate train rag`)."
    )


def uses_rag(names: Sequence[str]) -> bool:
    """True if any of these conditions shows retrieved passages."""
    return any(name.partition("@")[0] == "rag" for name in names)


def condition_of(engine: Engine, name: str, who: Answerers) -> Condition:
    """The condition with this name. Raises InvalidSetting."""
    backbone = engine.backbone
    kind, _, given = name.partition("@")
    if name == "none":
        return _shown(engine, name, who.off, lambda case: "")
    if name == "gold":
        return _shown(engine, name, who.page, lambda case: case.passage)
    if kind == "truncated" or name == "full":
        show = partial(_tail, backbone.tokenizer, tokens=_shown_tokens(backbone, name))
        return _shown(engine, name, who.page, show)
    if kind == "rag":
        tokens, most = _passages(given, name) if given else (TOKENS, MOST)
        page = None if who.rag == who.plain else engine.new_adaptive()
        return RagCondition(name, who.rag, tokens, most, page)
    if kind in OVER_WINDOWS:
        changed = engine.changed(**_keep(given, name)) if given else engine
        states = WindowStates(changed.new_adaptive(), cache_folder(engine))
        windows = SEEN_TOGETHER if kind == "together" else engine.settings.windows
        return OVER_WINDOWS[kind](name, states, who.slots, windows)
    if kind == "infini" or name == "melodi":
        return _recurrent(engine, name, who)
    raise InvalidSetting(f"Memory {name!r} is not known; choose from {', '.join(CONDITIONS)}.")


def _recurrent(engine: Engine, name: str, who: Answerers) -> RecurrentCondition:
    kind, _, given = name.partition("@")
    if given not in ("", *UPDATES):
        raise InvalidSetting(f"{name!r} asks for {given!r}; give {' or '.join(UPDATES)}.")
    changed = engine.changed(infini_update=given) if given else engine
    memory = changed.new_recurrent(kind)
    count = engine.backbone.tokenizer.count
    split = partial(split_text, count_tokens=count, window=memory.window)
    answerer = who.slots if memory.has_answer_adapter else who.plain
    return RecurrentCondition(name, answerer, memory, split, config_json(memory.config))


def _shown(
    engine: Engine, name: str, answerer: Answerer, show: Callable[[Case], str]
) -> PromptCondition | PageCondition:
    if answerer.backbone is engine.backbone:
        return PromptCondition(name, answerer, show)
    return PageCondition(name, engine.new_adaptive(), answerer, show)


def _tail(tokenizer: Tokenizer, case: Case, tokens: int) -> str:
    text = "".join(window.text for window in case.windows)
    return tokenizer.decode(tokenizer.encode(text[-6 * tokens :])[-tokens:])


def _keep(given: str, name: str) -> dict[str, Any]:
    """The settings after the @ of `adaptive@0.1` or `adaptive@0.08x4`."""
    ratio, _, bits = given.partition("x")
    try:
        kept: dict[str, Any] = {"keep_ratio": float(ratio)}
        number = float(bits) if bits else None
    except ValueError as error:
        raise InvalidSetting(
            f"{name!r} has no keep ratio after the @; write adaptive@0.1 or adaptive@0.08x4."
        ) from error
    if number is None:
        return kept
    return kept | {"slot_bits": int(number) if number == int(number) else number}


def _shown_tokens(backbone: Backbone, name: str) -> int:
    """How many tokens of the document's end `truncated` or `full` shows."""
    most = backbone.config.max_positions - ROOM
    if name == "full":
        return most
    given = name.partition("@")[2]
    tokens = _whole(given, name) if given else TRUNCATED_TOKENS
    if tokens > most:
        raise InvalidSetting(
            f"{name!r} shows too many tokens: {backbone.name} has "
            f"{backbone.config.max_positions} positions, so at most {most} fit next to a question "
            "(that is `full`)."
        )
    return tokens


def _whole(given: str, name: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise InvalidSetting(f"{name!r} has no count after the @; write {name.split('@')[0]}@2048.")
    return int(given)


def _passages(given: str, name: str) -> tuple[int, int]:
    tokens, _, most = given.partition("x")
    if not (tokens.isdecimal() and most.isdecimal() and int(most)):
        raise InvalidSetting(f"{name!r} is not PASSAGE_TOKENSxPASSAGES; write rag@128x4.")
    return int(tokens), int(most)


def cache_folder(engine: Engine) -> Path:
    """Where window states and outcomes are kept between runs."""
    folder = engine.settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
