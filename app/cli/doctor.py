"""`bookstate doctor`: check the installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import Json, emit, refusing, say
from app.engine import Engine, backbone_folder
from app.errors import StoreFailed
from app.settings import Settings, read_settings
from app.storage.store import Store
from memory_models.backbone import is_present

commands = typer.Typer()


@commands.command()
def doctor(
    sbom: Annotated[
        bool,
        typer.Option("--sbom", help="Print a bill of materials instead, as CycloneDX JSON."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the installation: data folder, database, backbone, calibration, device."""
    with refusing():
        if sbom:
            from app.supply.bill import bill_of_materials

            emit(bill_of_materials(backbone_folder(read_settings())))
            return
        checks = list(_checks(read_settings()))
        if as_json:
            emit([{"check": name, "ok": ok, "detail": detail} for name, ok, detail in checks])
        else:
            for name, ok, detail in checks:
                say(f"{'ok ' if ok else 'BAD'}  {name:12} {detail}")
        if not all(ok for _, ok, _ in checks):
            raise typer.Exit(1)


def _checks(settings: Settings) -> Iterator[tuple[str, bool, str]]:
    import torch

    from memory_models.backbone import best_device, best_dtype, dtype_named

    database = _database_check(settings.database)  # creates the folder if it is missing
    yield "data folder", settings.home.is_dir(), str(settings.home)
    yield database
    device = best_device()
    dtype = str(dtype_named(settings.dtype) or best_dtype(device)).removeprefix("torch.")
    yield "device", True, f"{device}, {dtype}, {torch.get_num_threads()} threads"
    folder = backbone_folder(settings)
    if not is_present(folder):
        yield "backbone", False, f"{folder.name} is missing; run `bookstate models pull default`"
        return
    engine = Engine(settings)
    yield "backbone", True, f"{engine.backbone.name} {engine.backbone.sha256[:12]}"
    measured = engine.calibration.measured
    missing = "not measured, so guessed values are used; run `bookstate calibrate`"
    yield "calibration", measured, "measured" if measured else missing


def _database_check(file: Path) -> tuple[str, bool, str]:
    try:
        with closing(Store(file)) as store:
            found = store.quick_check()
    except StoreFailed as error:
        return "database", False, str(error)
    return "database", found == "ok", f"{file.name}: {found}"
