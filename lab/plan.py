"""Plans: one dataclass holds all that a command of the laboratory is asked to do.

A plan is filled from the command line or from a TOML file, so that every published table is one
file that can be run again:

    command = "evaluate"
    [settings]          # of the product, such as adapters = false
    [plan]              # the fields of the command's dataclass
    data = "stories.jsonl.gz"

The data files that a plan file names lie in the data folder: `--data-root`, else the environment
variable BOOKSTATE_DATA, else the current folder.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from app.errors import InvalidSetting

DATA_ROOT = "BOOKSTATE_DATA"
Kind = Literal["value", "data", "output"]
P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Option:
    """How a field of a plan is given.

    kind: "data" for a file to read (FILE or FILE:WEIGHT:SPLIT), "output" for a path to write;
    commas: one option takes several values with commas between them; old: the flag's old names.
    """

    help: str
    kind: Kind = "value"
    commas: bool = False
    minimum: float | None = None
    maximum: float | None = None
    old: tuple[str, ...] = ()


def option(default: Any = MISSING, **given: Any) -> Any:
    """A field of a plan that can be given; without a default it must be."""
    return field(default=default, metadata={"option": Option(**given)})


@dataclass(frozen=True, slots=True)
class Given:
    """A field of a plan class with its option and its type, None left out."""

    name: str
    option: Option
    item: Any  # type of one value
    many: bool
    default: Any  # MISSING where it must be given


def options_of(plan: type[Any]) -> tuple[Given, ...]:
    """The fields of a plan class that can be given."""
    hints = get_type_hints(plan)
    return tuple(_given(f, hints[f.name]) for f in fields(plan) if "option" in f.metadata)


def _given(of: Field[Any], hint: Any) -> Given:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    many = get_origin(hint) is tuple
    item = get_args(hint)[0] if many else hint
    return Given(of.name, of.metadata["option"], item, many, of.default)


def make_plan(plan: type[P], given: Mapping[str, Any]) -> P:
    """A plan from the values of its fields.

    Raises InvalidSetting for an unknown field, a missing one, or a value of another type or range.
    """
    known = {each.name: each for each in options_of(plan)}
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        raise InvalidSetting(f"A plan has no field {unknown[0]!r}; choose from {', '.join(known)}.")
    missing = [n for n, each in known.items() if each.default is MISSING and n not in given]
    if missing:
        raise InvalidSetting(f"{_flag(missing[0])} is missing; give it, or a plan file with it.")
    return plan(**{name: _value(known[name], value) for name, value in given.items()})


def under_root(plan: type, given: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The same values with every data file in the folder `root`."""
    data = {each.name for each in options_of(plan) if each.option.kind == "data"}
    return {name: _joined(root, value) if name in data else value for name, value in given.items()}


def _joined(root: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_joined(root, each) for each in value]
    return str(root / value) if isinstance(value, str) else value  # `make_plan` refuses the rest


def _value(field_: Given, value: Any) -> Any:
    if not field_.many:
        return _checked(field_, value)
    if not isinstance(value, list | tuple):
        raise InvalidSetting(f"{_flag(field_.name)} {value!r} must be a list.")
    return tuple(_checked(field_, each) for each in value)


def _checked(field_: Given, value: Any) -> Any:
    option, flag = field_.option, _flag(field_.name)
    if field_.item is Path and isinstance(value, str | Path):
        value = Path(value).expanduser()
    elif field_.item is float and type(value) is int:
        value = float(value)
    if not isinstance(value, field_.item) or (type(value) is bool and field_.item is not bool):
        raise InvalidSetting(f"{flag} {value!r} must be of type {field_.item.__name__}.")
    low, high = option.minimum, option.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"{low} to {high}"
        raise InvalidSetting(f"{flag} {value} is out of range; it must be {limits}.")
    return value


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def check_data(plan: Any) -> None:
    """Raise InvalidSetting naming the first data file of a plan that does not exist."""
    for each in options_of(type(plan)):
        value = getattr(plan, each.name)
        for path in value if each.many else [value]:
            name = str(path or "") if each.item is Path else str(path).partition(":")[0]
            if each.option.kind == "data" and name and not Path(name).is_file():
                raise InvalidSetting(
                    f"{_flag(each.name)} {name!r} is not a file; give another path, or name the "
                    f"folder of a plan file's data with --data-root or {DATA_ROOT}."
                )


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What a TOML file asks for."""

    command: str
    plan: Mapping[str, Any]
    settings: Mapping[str, Any]


def read_plan_file(path: Path) -> PlanFile:
    """Read a plan file. Raises InvalidSetting where it is not one."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSetting(f"{path.name} cannot be read as TOML ({error}).") from error
    unknown = sorted(raw.keys() - {"command", "plan", "settings"})
    if unknown or not isinstance(raw.get("command"), str):
        raise InvalidSetting(
            f"{path.name} is not a plan file: it needs `command`, and takes [plan] and [settings] "
            f"besides{f'; it has {unknown[0]!r}' if unknown else ''}."
        )
    return PlanFile(raw["command"], raw.get("plan", {}), raw.get("settings", {}))


def data_root(given: Path | None) -> Path:
    """The folder of data files: the one given, else BOOKSTATE_DATA, else the current folder."""
    return given or Path(os.environ.get(DATA_ROOT, "."))
