"""Conditions by name, as `--memories` has them, and who reads for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from app.adapters import TrainedReader, retrieval_reader, trained_reader
from app.errors import InvalidSetting
from app.library import Library
from app.models import memory_config, new_memory
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
from memory_models.memories.adaptive import AdaptiveMemory
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


def readers(library: Library, *, declines: bool = True, retrieves: bool = False) -> Readers:
    """The trained reader for all where there is one, else the plain backbone.

    With nothing shown it is not allowed to decline: memory off is its best guess. `declines` says
    whether the others are, `retrieves` whether retrieved passages are shown to any.
    """
    plain = Reader(library.backbone)
    trained = _answering(library, trained_reader) or plain
    retrieved = (_answering(library, retrieval_reader) if retrieves else None) or trained
    off = _made_to_answer(trained)
    if not declines:
        trained, retrieved = off, _made_to_answer(retrieved)
    return Readers(off, trained, retrieved, trained, plain)


def _answering(library: Library, find: Callable[[Backbone], TrainedReader | None]) -> Reader | None:
    backbone = library.backbone
    reader = find(backbone) if library.settings.adapters else None
    if reader is None:
        return None
    answering = replace(backbone, decoder=reader.decoder, sha256=f"{backbone.sha256}+{reader.name}")
    return Reader(answering, library.declining)


def _made_to_answer(reader: Reader) -> Reader:
    return Reader(reader.backbone, reader.declining and replace(reader.declining, threshold=0.0))


def who_retrieves(library: Library, names: Sequence[str]) -> str:
    """What to say where `rag` has no reader of its own though the state has one, else empty."""
    if not any_retrieves(names) or not library.settings.adapters:
        return ""
    if trained_reader(library.backbone) is None or retrieval_reader(library.backbone) is not None:
        return ""
    return (
        "rag is answered by the reader of the state: none was trained over it for retrieved "
        "passages (`bookstate train retrieved`)."
    )


def any_retrieves(names: Sequence[str]) -> bool:
    return any(name.partition("@")[0] == "rag" for name in names)


def condition_of(library: Library, name: str, who: Readers) -> Condition:
    backbone = library.backbone
    kind, _, given = name.partition("@")
    if name == "none":
        return _shown(library, name, who.off, lambda case: "")
    if name == "gold":
        return _shown(library, name, who.page, lambda case: case.passage)
    if kind == "truncated" or name == "full":
        show = partial(_tail, backbone.tokenizer, tokens=_shown_tokens(backbone, name))
        return _shown(library, name, who.page, show)
    if kind == "rag":
        tokens, most = _passages(given, name) if given else (TOKENS, MOST)
        if who.retrieved == who.plain:
            return Retrieved(name, who.plain, tokens, most)
        page = _adaptive(library)
        page.reader = who.retrieved.backbone.decoder
        return Retrieved(name, who.retrieved, tokens, most, page)
    if kind in OVER_WINDOWS:
        memory = _adaptive(library, *(_share(given, name) if given else (None, None)))
        states = WindowStates(memory, cache_folder(library))
        windows = SEEN_TOGETHER if kind == "together" else library.settings.windows
        return OVER_WINDOWS[kind](name, states, who.slots, windows)
    if kind == "infini" or name == "melodi":
        if given not in ("", *UPDATES):
            raise InvalidSetting(f"{name!r} asks for {given!r}; give {' or '.join(UPDATES)}.")
        update = {"infini_update": given} if given else {}
        recurrent = new_memory(kind, backbone, library.settings.model_copy(update=update))
        assert not isinstance(recurrent, AdaptiveMemory)
        split = partial(split_text, count_tokens=backbone.tokenizer.count, window=recurrent.window)
        if recurrent.has_reader:
            return Recurrent(name, who.slots, recurrent, split, memory_config(recurrent))
        return Recurrent(name, who.plain, recurrent, split)
    raise InvalidSetting(f"Memory {name!r} is not known; choose from {', '.join(CONDITIONS)}.")


def _shown(
    library: Library, name: str, reader: Reader, show: Callable[[Case], str]
) -> PromptOnly | Page:
    if reader.backbone is library.backbone:
        return PromptOnly(name, reader, show)
    return Page(name, _adaptive(library), reader, show)


def _adaptive(
    library: Library, share: float | None = None, bits: float | None = None
) -> AdaptiveMemory:
    given = {"share": share, "slot_bits": bits}
    update = {name: value for name, value in given.items() if value is not None}
    settings = library.settings.model_copy(update=update)
    heads = library.calibration.address_heads  # those being calibrated are in no file yet
    memory = new_memory("adaptive", library.backbone, settings, heads)
    assert isinstance(memory, AdaptiveMemory)
    return memory


def _tail(tokenizer: Tokenizer, case: Case, tokens: int) -> str:
    text = "".join(window.text for window in case.windows)
    return tokenizer.decode(tokenizer.encode(text[-6 * tokens :])[-tokens:])


def _share(given: str, name: str) -> tuple[float, float | None]:
    share, _, bits = given.partition("x")
    try:
        number = float(bits) if bits else None
        return float(share), int(number) if number and number == int(number) else number
    except ValueError as error:
        raise InvalidSetting(
            f"{name!r} has no share behind the @; write adaptive@0.1 or adaptive@0.08x4."
        ) from error


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


def cache_folder(library: Library) -> Path:
    folder = library.settings.home / "evaluation"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
