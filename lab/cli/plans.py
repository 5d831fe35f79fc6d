"""Commands made from plan dataclasses: each field is an option, and a key of the plan file.

A flag on the command line wins over the plan file, and the plan file over the default.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.common import refusing
from app.errors import InvalidSetting
from lab.plan import (
    DATA_ROOT,
    Given,
    check_data,
    data_root,
    make_plan,
    options_of,
    read_plan_file,
    under_root,
)

PLANS: dict[str, type] = {}  # the plan class of every command that has one
Settings = Mapping[str, Any]
Command = Callable[..., None]
PLAN = typer.Option("--plan", exists=True, dir_okay=False, help="A TOML file with the options.")
ROOT = typer.Option(
    "--data-root",
    file_okay=False,
    help=f"Folder of the data files that the plan file names. (default: ${DATA_ROOT})",
)
BACKBONE = typer.Option("--backbone", help="Folder or pulled name of a Llama-family model.")


def plan_command(
    commands: typer.Typer, name: str, plan: type, *aliases: str, group: str = ""
) -> Callable[[Command], Command]:
    """Register a function as a command whose options are the fields of a plan class.

    The function gets the plan, the settings (for `opened`) and its own options. aliases: old
    names, hidden; group: the command's group, which plan files name too.
    """

    def register(run: Command) -> Command:
        own = list(inspect.signature(run, eval_str=True).parameters.values())[2:]
        full_name = f"{group} {name}".strip()
        PLANS[full_name] = plan
        command = _command(run, plan, full_name, own)
        commands.command(name=name, help=run.__doc__)(command)
        for alias in aliases:
            commands.command(name=alias, help=run.__doc__, hidden=True)(command)
        return run

    return register


def _command(run: Command, plan: type, name: str, own: list[inspect.Parameter]) -> Command:
    def command(**values: Any) -> None:
        with refusing():
            file, root, backbone = (values.pop(key) for key in ("plan", "data_root", "backbone"))
            rest = {p.name: values.pop(p.name) for p in own}
            asked, settings = _read(file, plan, name, data_root(root))
            made: object = make_plan(plan, {**asked, **dict(_flags(plan, values))})
            check_data(made)
            run(made, {**settings, **({"backbone": backbone} if backbone else {})}, **rest)

    shared = (("plan", Path, PLAN), ("data_root", Path, ROOT), ("backbone", str, BACKBONE))
    parameters = [
        *(p for each in options_of(plan) for p in _parameters(each)),
        *(_parameter(*each) for each in shared),
        *own,
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _read(file: Path | None, plan: type, name: str, root: Path) -> tuple[Settings, Settings]:
    """The plan's fields and the product's settings in a plan file, empty without one."""
    if file is None:
        return {}, {}
    found = read_plan_file(file)
    if found.command != name:
        raise InvalidSetting(
            f"{file.name} is a plan for `bookstate {found.command}`, not for `bookstate {name}`."
        )
    return under_root(plan, found.plan, root), found.settings


def _parameters(field: Given) -> Iterator[inspect.Parameter]:
    """The parameter of a field, and a hidden one for each old name of its flag."""
    names, of = [_flag(field.name)], field.option
    item: Any = field.item
    if item is bool:
        names = [f"{names[0]}/{_opposite(names[0])}"]
    elif field.many:
        item = str if of.commas else list[field.item]  # type: ignore[name-defined]
    low, high = of.minimum, of.maximum
    shown = typer.Option(*names, help=_help(field), min=low, max=high)
    yield _parameter(field.name, item, shown)
    for old in of.old:
        hidden = typer.Option(f"--{old}", hidden=True, min=low, max=high)
        yield _parameter(f"old_{field.name}_{old.replace('-', '_')}", item, hidden)


def _parameter(name: str, item: Any, given: Any) -> inspect.Parameter:
    """A parameter that is None where it is not given."""
    hint = Annotated[item | None, given]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(name, kind, default=None, annotation=hint)


def _help(field: Given) -> str:
    default = field.default
    if default is MISSING:
        return f"{field.option.help} (required)"
    if field.many:
        default = ",".join(map(str, default))
    is_shown = default not in (None, "") and field.item is not bool
    return f"{field.option.help} (default: {default})" if is_shown else field.option.help


def _flags(plan: type, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields that flags give, old names first, so that the present name wins."""
    for field in options_of(plan):
        old = [f"old_{field.name}_{name.replace('-', '_')}" for name in field.option.old]
        for key in (*old, field.name):
            value = values[key]
            if value is not None and value != []:
                yield field.name, _parts(field, value) if field.option.commas else value


def _parts(field: Given, text: str) -> list[Any]:
    """Values with commas between them."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if field.item is not int:
        return list(dict.fromkeys(parts))
    if not parts or not all(part.isdecimal() for part in parts):
        raise InvalidSetting(
            f"{_flag(field.name)} {text!r} is not a count, nor several with commas between them."
        )
    return list(dict.fromkeys(map(int, parts)))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _opposite(flag: str) -> str:
    return f"--{flag[5:]}" if flag.startswith("--no-") else f"--no-{flag[2:]}"
