"""`bench documents`: every file of a folder read and compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.errors import InvalidSetting
from lab.bench.documents.labels import LABELS, read_labels
from lab.bench.documents.measure import Measured, measure
from lab.bench.documents.poppler import check_poppler
from lab.bench.documents.report import report

_HIDDEN = "."


def documents(
    folder: Path,
    *,
    out: Path | None,
    labels: Path | None,
    only_labelled: bool,
    told: Callable[[str, int, int], None],
) -> dict[str, Any]:
    """Figures of the files below ``folder``; ``out`` gets a line of JSON for each.

    Raises InvalidSetting for a folder without files, and for one with PDFs where poppler is
    missing.
    """
    known = read_labels(labels or LABELS)
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name[0] != _HIDDEN)
    if only_labelled:
        paths = [path for path in paths if sha256(path.read_bytes()).hexdigest() in known]
    if not paths:
        raise InvalidSetting(f"{folder} has no files to compare; name another folder.")
    if any(path.suffix.lower() == ".pdf" for path in paths):
        check_poppler()
    found: list[Measured] = []
    if out is not None:
        out.write_text("", "utf-8")
    for path in paths:
        found.append(measure(path, known))
        if out is not None:
            with out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(found[-1].row(), ensure_ascii=False) + "\n")
        told("Files", len(found), len(paths))
    return report(found)
