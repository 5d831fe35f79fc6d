"""Conditions by name, as `--memories` has them, and who reads for each."""

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
    Adaptive,
    Condition,
    Page,
    PromptOnly,
    Random,
    Reader,
    Recurrent,
    Retrieved,
    Together,
    WindowStates,
    Wrong,
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
    "adaptive[@SHARE[xBITS]]",
    "together[@SHARE[xBITS]]",
    "infini[@linear or @delta]",
    "melodi",
)
TRUNCATED_TOKENS = 2048  # of the document's end, for the comparator `truncated`
ROOM = 512  # positions that `full` leaves to the question and its answer
SEEN_TOGETHER = 4  # windows; as many as the reader was trained on at once
OVER_WINDOWS: dict[str, type[Adaptive | Random]] = {
    "adaptive": Adaptive,
    "together": Together,
    "wrong": Wrong,
    "random": Random,
}


@dataclass(frozen=True, slots=True)
class Readers:
    """Who answers, for each way of showing the document.

    One reader, trained on windows and pages alike, answers nothing, pages and slots; retrieved
    passages have weights of their own over it.
    """

    off: Reader  # nothing is shown
    page: Reader  # the gold passage, or the document's end, stands in the prompt
    retrieved: Reader  # retrieved passages stand in the prompt; trained on such, where it fits
    slots: Reader  # addressed windows are open
    plain: Reader  # recurrent memories that nothing was trained for


def readers(engine: Engine, *, declines: bool = True, retrieves: bool = False) -> Readers:
    """The trained reader for all where there is one, else the plain backbone.

    With nothing shown it is not allowed to decline: memory off is its best guess. `declines` says
    whether the others are, `retrieves` whether retrieved passages are shown to any.
    """
    plain = Reader(engine.backbone)
    trained = _answering(engine, engine.trained.answers()) or plain
    retrieved = (_answering(engine, engine.trained.rag()) if retrieves else None) or trained
    off = _made_to_answer(trained)
    if not declines:
        trained, retrieved = off, _made_to_answer(retrieved)
    return Readers(off, trained, retrieved, trained, plain)


def _answering(engine: Engine, adapted: AdaptedDecoder | None) -> Reader | None:
    if adapted is None or not engine.settings.adapters:
        return None
    backbone = engine.backbone
    sha256 = f"{backbone.sha256}+{adapted.name}"
    return Reader(replace(backbone, decoder=adapted.decoder, sha256=sha256), engine.abstention)


def _made_to_answer(reader: Reader) -> Reader:
    return Reader(reader.backbone, reader.declining and replace(reader.declining, threshold=0.0))


def who_retrieves(engine: Engine, names: Sequence[str]) -> str:
    """What to say where `rag` has no reader of its own though the state has one, else empty."""
    if not any_retrieves(names) or not engine.settings.adapters:
        return ""
    if engine.trained.answers() is None or engine.trained.rag() is not None:
        return ""
    return (
        "rag is answered by the reader of the state: none was trained over it for retrieved "
        "passages (`bookstate train retrieved`)."
    )


def any_retrieves(names: Sequence[str]) -> bool:
    return any(name.partition("@")[0] == "rag" for name in names)


def condition_of(engine: Engine, name: str, who: Readers) -> Condition:
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
        if who.retrieved == who.plain:
            return Retrieved(name, who.plain, tokens, most)
        return Retrieved(name, who.retrieved, tokens, most, engine.new_adaptive())
    if kind in OVER_WINDOWS:
        changed = engine.changed(**_keep(given, name)) if given else engine
        memory = changed.new_adaptive()
        states = WindowStates(memory, cache_folder(engine))
        windows = SEEN_TOGETHER if kind == "together" else engine.settings.windows
        return OVER_WINDOWS[kind](name, states, who.slots, windows)
    if kind == "infini" or name == "melodi":
        if given not in ("", *UPDATES):
            raise InvalidSetting(f"{name!r} asks for {given!r}; give {' or '.join(UPDATES)}.")
        changed = engine.changed(infini_update=given) if given else engine
        recurrent = changed.new_recurrent(kind)
        split = partial(split_text, count_tokens=backbone.tokenizer.count, window=recurrent.window)
        if recurrent.has_answer_adapter:
            return Recurrent(name, who.slots, recurrent, split, config_json(recurrent.config))
        return Recurrent(name, who.plain, recurrent, split)
    raise InvalidSetting(f"Memory {name!r} is not known; choose from {', '.join(CONDITIONS)}.")


def _shown(
    engine: Engine, name: str, reader: Reader, show: Callable[[Case], str]
) -> PromptOnly | Page:
    if reader.backbone is engine.backbone:
        return PromptOnly(name, reader, show)
    return Page(name, engine.new_adaptive(), reader, show)


def _tail(tokenizer: Tokenizer, case: Case, tokens: int) -> str:
    text = "".join(window.text for window in case.windows)
    return tokenizer.decode(tokenizer.encode(text[-6 * tokens :])[-tokens:])


def _keep(given: str, name: str) -> dict[str, Any]:
    """The settings behind the @ of `adaptive@0.1` or `adaptive@0.08x4`."""
    ratio, _, bits = given.partition("x")
    try:
        kept: dict[str, Any] = {"keep_ratio": float(ratio)}
        number = float(bits) if bits else None
    except ValueError as error:
        raise InvalidSetting(
            f"{name!r} has no keep ratio behind the @; write adaptive@0.1 or adaptive@0.08x4."
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
            f"{name!r} shows more than the {backbone.config.max_positions} positions of "
            f"{backbone.name} hold beside a question; {most} at most, which is `full`."
        )
    return tokens


def _whole(given: str, name: str) -> int:
    if not given.isdecimal() or int(given) == 0:
        raise InvalidSetting(
            f"{name!r} has no count behind the @; write {name.split('@')[0]}@2048."
        )
    return int(given)


def _passages(given: str, name: str) -> tuple[int, int]:
    tokens, _, most = given.partition("x")
    if not (tokens.isdecimal() and most.isdecimal() and int(most)):
        raise InvalidSetting(f"{name!r} is not PASSAGE_TOKENSxPASSAGES; write rag@128x4.")
    return int(tokens), int(most)


def cache_folder(engine: Engine) -> Path:
    folder = engine.settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
