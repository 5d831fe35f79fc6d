"""The bill of materials: what it lists is what is installed, in the form of CycloneDX 1.6."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from app.supply import bill
from app.supply.bill import bill_of_materials, installed_packages
from memory_models.sources.pins import Pin, hashes, write_pin

TYPES = {"application", "library", "machine-learning-model", "file"}
PARTS = {
    "type", "bom-ref", "name", "version", "purl", "licenses", "hashes", "components", "properties",
}  # fmt: skip


@pytest.fixture
def made(tiny_backbone: Path) -> dict[str, Any]:
    return bill_of_materials(tiny_backbone)


def parts(component: dict[str, Any]) -> list[dict[str, Any]]:
    return [component, *(p for each in component.get("components", ()) for p in parts(each))]


def test_it_has_the_form_of_cyclonedx(made: dict[str, Any]) -> None:
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", made["serialNumber"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", made["metadata"]["timestamp"])
    every = [p for c in [made["metadata"]["component"], *made["components"]] for p in parts(c)]
    for each in every:
        assert each.keys() <= PARTS and each["name"] and each["type"] in TYPES
        assert all(re.fullmatch(r"[0-9a-f]{64}", h["content"]) for h in each.get("hashes", ()))
        for licence in each.get("licenses", ()):
            assert licence.get("expression") or licence["license"]["name"]
    references = [each["bom-ref"] for each in every]
    assert len(set(references)) == len(references)
    assert {d["ref"] for d in made["dependencies"]} <= set(references)
    assert all(set(d["dependsOn"]) <= set(references) for d in made["dependencies"])


def test_it_lists_what_the_product_needs_and_no_more(made: dict[str, Any]) -> None:
    libraries = {c["name"]: c["version"] for c in made["components"] if c["type"] == "library"}
    for name in ("torch", "gradio", "pypdf", "cryptography", "safetensors", "typing-extensions"):
        assert libraries[name] == version(name)  # cryptography comes with an extra of pypdf
    assert not libraries.keys() & {"bookstate", "pytest", "mypy", "matplotlib-inline"}
    assert set(installed_packages()) == {*libraries, "bookstate"}
    needs = {d["ref"]: d["dependsOn"] for d in made["dependencies"]}
    reached, waiting = set(), [made["metadata"]["component"]["bom-ref"]]
    while waiting:
        if (reference := waiting.pop()) not in reached:
            reached.add(reference)
            waiting += needs[reference]
    assert reached == needs.keys()


def test_it_has_the_backbones_files_with_their_hashes(
    made: dict[str, Any], tiny_backbone: Path
) -> None:
    (backbone,) = (c for c in made["components"] if c["bom-ref"].startswith("backbone:"))
    listed = {p["name"]: p["hashes"][0]["content"] for p in backbone["components"]}
    for name in ("config.json", "tokenizer.json", "model.safetensors", "calibration.json"):
        data = (tiny_backbone / name).read_bytes()
        assert listed[name] == hashlib.sha256(data).hexdigest()


def test_a_backbone_from_the_hub_has_its_commit(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "some--model"
    folder.mkdir(parents=True)
    for path in tiny_backbone.iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    write_pin(folder, Pin("some/model", "a" * 40, hashes(folder)))
    made = bill_of_materials(folder)
    (backbone,) = (c for c in made["components"] if c["bom-ref"].startswith("backbone:"))
    assert (backbone["name"], backbone["version"]) == ("some/model", "a" * 40)
    assert backbone["purl"] == f"pkg:huggingface/some/model@{'a' * 40}"


def test_it_has_the_adapters_that_ship() -> None:
    shipped = Path(__file__).parents[3] / "assets" / "adapters"
    (folder,) = (p for p in shipped.iterdir() if p.is_dir())
    stored = bill.Stored(Path("nowhere"), folder.name)
    found = {f"{one.kind}/{one.name}": digest for one, digest in bill.AdapterFiles(stored).hashes()}
    files = {f"{p.parent.name}/{p.stem}": p for p in folder.glob("*/*.safetensors")}
    assert len(files) > 5
    assert found == {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in files.items()}


def test_the_command_prints_one_json_value(
    tiny_backbone: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTATE_BACKBONE", str(tiny_backbone))
    done = CliRunner().invoke(app, ["doctor", "--sbom"])
    assert done.exit_code == 0 and done.stderr == ""
    assert json.loads(done.stdout)["bomFormat"] == "CycloneDX"
    assert not home.exists()  # it only looks
    monkeypatch.setattr(bill, "PRODUCT", "no-such-package")
    done = CliRunner().invoke(app, ["doctor", "--sbom"])
    assert done.exit_code == 1 and "pip install --editable" in done.stderr
