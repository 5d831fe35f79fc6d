"""The packages know one another in one direction: lab -> app -> ingest -> memory_models."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "memory_models": {"memory_models"},
    "ingest": {"ingest", "memory_models"},
    "app": {"app", "assets", "ingest", "memory_models"},
    "lab": {"lab", "app", "assets", "ingest", "memory_models"},
}
MOUNT = "app/cli/lab.py"  # the one place that knows lab, by name and only when it is asked for
MOST_LINES = {"file": 450, "function": 75, "folder": 16}


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    """Path from the root, and syntax tree, of every module of a package."""
    for path in sorted((ROOT / package).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Top-level names that a module imports anywhere, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("package", BELOW)
def test_imports_point_one_way(package: str) -> None:
    for path, tree in modules(package):
        assert imported(tree) & BELOW.keys() <= BELOW[package], path


def test_only_one_place_of_the_product_names_lab() -> None:
    naming = {
        path
        for package in ("app", "ingest", "memory_models")
        for path, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and str(node.value).startswith("lab.")
    }
    assert naming == {MOUNT}


def test_the_product_imports_without_lab_or_its_packages() -> None:
    """Every module of the product is imported where lab and its extra's packages are missing."""
    names = [
        path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for package in ("app", "ingest", "memory_models")
        for path, _ in modules(package)
        if not path.endswith("__main__.py")
    ]
    script = (
        "import sys, importlib\n"
        "for name in ('lab', 'rouge_score', 'bm25s', 'Stemmer', 'matplotlib', 'mcp', "
        "'mcp_types'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {['bookstate', *names]!r}:\n"
        "    importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, cwd=ROOT)


def test_only_the_database_and_its_migrations_touch_sqlite() -> None:
    for path, tree in modules("app"):
        if path.startswith(("app/storage/database", "app/storage/migrations")):
            continue
        assert not imported(tree) & {"sqlite3", "sqlite_utils"}, path


@pytest.mark.parametrize("package", BELOW)
def test_files_functions_and_folders_stay_small(package: str) -> None:
    for path, tree in modules(package):
        lines = (ROOT / path).read_text("utf-8").count("\n")
        assert lines <= MOST_LINES["file"], path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                length = (node.end_lineno or 0) - node.lineno
                assert length <= MOST_LINES["function"], f"{path}: {node.name}"
    for folder in {(ROOT / path).parent for path, _ in modules(package)}:
        assert len(list(folder.glob("*.py"))) <= MOST_LINES["folder"], folder
