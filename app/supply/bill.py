"""The software bill of materials: what is installed that the product needs, as CycloneDX JSON.

It lists the Python packages that bookstate requires and those that these require, the backbone and
the adapters with the SHA-256 of their files. Nothing is looked up on the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from app.adapters import AdapterFiles
from app.errors import NotInstalled
from app.storage.store import now
from memory_models.backbone import is_present, weights_sha256
from memory_models.sources.pins import Pin, read_pin

PRODUCT = "bookstate"
SPEC = "1.6"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, and the names of those that it requires here."""

    name: str
    found: Distribution
    requires: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A backbone that is not loaded."""

    folder: Path
    sha256: str


def bill_of_materials(backbone: Path) -> Json:
    """The bill, with the backbone in this folder if it is there. Raises NotInstalled."""
    packages = installed_packages()
    product = packages.pop(PRODUCT)
    models = list(_models(backbone)) if is_present(backbone) else []
    components = [_library(package) for package in packages.values()] + models
    needs = {
        _reference(p): [_reference(packages[n]) for n in p.requires] for p in packages.values()
    }
    own = [_reference(packages[n]) for n in product.requires] + [m["bom-ref"] for m in models]
    needs = {_reference(product): own, **needs, **{m["bom-ref"]: [] for m in models}}
    content = " ".join(sorted(f"{ref} {_digests(c)}" for c in components for ref in [c["bom-ref"]]))
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{product.found.version} {content}')}",
        "version": 1,
        "metadata": {
            "timestamp": now(),
            "component": {**_library(product), "type": "application"},
        },
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in needs.items()],
    }


def installed_packages() -> dict[str, Package]:
    """Name -> package: the product and, by name, all that it needs. Raises NotInstalled."""
    try:
        root = distribution(PRODUCT)
    except PackageNotFoundError as error:
        raise NotInstalled(
            f"{PRODUCT} runs from a folder in which it is not installed, so what it requires is "
            "not recorded; run `pip install --editable .` there first."
        ) from error
    packages: dict[str, Package] = {}
    waiting: list[tuple[str, Distribution, frozenset[str]]] = [(PRODUCT, root, frozenset())]
    asked: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, found, extras = waiting.pop()
        if (name, extras) in asked:
            continue
        asked.add((name, extras))
        wanted = _wanted(found, extras)
        known = packages[name].requires if name in packages else ()
        packages[name] = Package(name, found, tuple(sorted({*known, *wanted})))
        for other, (its, its_extras) in wanted.items():
            waiting.append((other, its, its_extras))
    return {PRODUCT: packages.pop(PRODUCT), **dict(sorted(packages.items()))}


def _wanted(found: Distribution, extras: frozenset[str]) -> dict[str, Any]:
    """Name -> (package, its extras) of the installed requirements whose conditions hold here."""
    wanted: dict[str, tuple[Distribution, frozenset[str]]] = {}
    for line in found.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # written in a way that pip does not follow either
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": e}) for e in ("", *extras)):
            continue
        name = canonicalize_name(requirement.name)
        before = wanted[name][1] if name in wanted else frozenset()
        try:
            wanted[name] = distribution(name), before | frozenset(requirement.extras)
        except PackageNotFoundError:
            continue  # not installed: then it is not part of what runs here
    return wanted


def _library(package: Package) -> Json:
    meta: Any = package.found.metadata
    version = package.found.version
    reference = _reference(package)
    component = {
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": version,
        "purl": reference,
        "licenses": _licences(meta),
    }
    return {name: value for name, value in component.items() if value}


def _licences(meta: Any) -> list[Json]:
    """An expression where the package states one, else the names that it states."""
    if expression := meta.get("License-Expression"):
        return [{"expression": str(expression)}]
    classified = [
        str(line).rpartition(" :: ")[2]
        for line in meta.get_all("Classifier") or ()
        if str(line).startswith("License :: ") and line.count(" :: ") > 1
    ]
    written = str(meta.get("License") or "").strip()
    short = [written] if written and "\n" not in written and len(written) <= 100 else []
    return [{"license": {"name": name}} for name in classified or short]


def _reference(package: Package) -> str:
    return f"pkg:pypi/{package.name}@{package.found.version}"


def _models(backbone: Path) -> Iterator[Json]:
    """The backbone with its files, then its adapters."""
    sha256 = weights_sha256(backbone)
    pin = read_pin(backbone)
    yield {
        "type": "machine-learning-model",
        "bom-ref": f"backbone:{sha256[:16]}",
        "name": pin.repository if pin else backbone.name,
        "version": pin.commit if pin else sha256[:16],
        **({"purl": _hub_url(pin)} if pin else {}),
        "components": [
            _file(path, f"backbone:{sha256[:16]}/{path.name}")
            for path in sorted(backbone.iterdir())
            if path.suffix in (".safetensors", ".json", ".model") and path.is_file()
        ],
    }
    for one, digest in AdapterFiles(Stored(backbone, sha256)).hashes():
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"adapter:{one.kind}/{one.name}",
            "name": f"{PRODUCT} adapter {one.kind}",
            "version": one.name,
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "properties": [{"name": f"{PRODUCT}:in-use", "value": str(one.in_use).lower()}],
        }


def _hub_url(pin: Pin) -> str:
    owner, _, name = pin.repository.rpartition("/")
    return f"pkg:huggingface/{owner + '/' if owner else ''}{name}@{pin.commit}"


def _file(path: Path, reference: str) -> Json:
    return {"type": "file", "bom-ref": reference, "name": path.name, "hashes": [_sha256(path)]}


def _sha256(path: Path) -> Json:
    with path.open("rb") as stream:
        return {"alg": "SHA-256", "content": hashlib.file_digest(stream, "sha256").hexdigest()}


def _digests(component: Mapping[str, Any]) -> str:
    parts = [component, *component.get("components", ())]
    return " ".join(each["content"] for part in parts for each in part.get("hashes", ()))
