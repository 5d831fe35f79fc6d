"""The README's file map and commands are true."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_file_map_names_every_module_and_nothing_else() -> None:
    block = README.split("<!-- map -->")[1]
    named = set(re.findall(r"[\w/]+\.py", block))
    packages = ("app", "ingest", "memory_models")
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in packages
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert named == modules


def test_imports_point_one_way() -> None:
    allowed = {"memory_models": (), "ingest": ("memory_models",)}
    for package, below in allowed.items():
        for path in (ROOT / package).rglob("*.py"):
            imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.M)
            own = {"app", "ingest", "memory_models"} & set(imported)
            assert own <= {package, *below}, path


def test_only_the_database_file_and_its_migrations_touch_sqlite() -> None:
    for path in (ROOT / "app").rglob("*.py"):
        if path.name not in ("database.py", "migrations.py"):
            text = path.read_text("utf-8")
            assert "import sqlite3" not in text and "sqlite_utils" not in text, path


def test_ci_runs_the_readmes_test_command() -> None:
    command = (ROOT / ".ci" / "run").read_text("utf-8").strip().splitlines()[-1]
    assert f"\n{command}\n" in README


def test_images_and_files_it_points_to_exist() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
