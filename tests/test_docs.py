"""The documentation is true: the file map, links and images."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PACKAGES = ("app", "ingest", "memory_models", "lab")
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s]*)\)")


def says_something(path: Path) -> bool:
    """False for an `__init__.py` that is empty or holds a docstring alone."""
    body = ast.parse(path.read_text("utf-8")).body
    return any(not isinstance(node, ast.Expr) for node in body)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_map_names_every_module_and_nothing_else() -> None:
    block = (ROOT / "docs" / "architecture.md").read_text("utf-8").split("<!-- map -->")[1]
    named = re.findall(r"^\| `([\w/]+\.py)` \|", block, re.M)
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("*.py"), *(p for k in PACKAGES for p in (ROOT / k).rglob("*.py")))
        if path.name != "__init__.py" or says_something(path)
    }
    missing, surplus = sorted(modules - set(named)), sorted(set(named) - modules)
    assert not missing and not surplus, (
        f"docs/architecture.md: missing from the map {missing}, without a file {surplus}"
    )
    assert len(named) == len(set(named)), "a file has two lines in the map"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_and_images_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def test_what_the_features_name_is_tested() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "features.md").read_text())
    assert len(named) >= 20
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"
