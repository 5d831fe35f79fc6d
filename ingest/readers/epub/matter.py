"""What a file of an EPUB is, as its own semantics say: a title page, a colophon, or the work."""

from __future__ import annotations

from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from ingest.readers.epub.contents import Resolve

# What belongs to the work although it stands before or after its body.
_WORK = frozenset(
    {"preface", "foreword", "introduction", "prologue", "preamble", "epilogue", "afterword"}
    | {"conclusion", "appendix", "bodymatter", "chapter", "part", "volume"}
)
_FRONT = {
    "titlepage": "Title page", "halftitlepage": "Half title", "halftitle": "Half title",
    "cover": "Cover", "title-page": "Title page", "copyright-page": "Copyright",
    "imprint": "Imprint", "imprimatur": "Imprimatur", "toc": "Contents", "loi": "Illustrations",
    "lot": "Tables", "dedication": "Dedication", "epigraph": "Epigraph", "seriespage": "Series",
    "frontmatter": "Front matter", "landmarks": "Landmarks",
}  # fmt: skip
_BACK = {
    "colophon": "Colophon", "index": "Index", "bibliography": "Bibliography",
    "endnotes": "Endnotes", "rearnotes": "Endnotes", "copyright-page": "Copyright",
    "loi": "Illustrations", "contributors": "Contributors", "other-credits": "Credits",
    "backmatter": "Back matter",
}  # fmt: skip
_INSIDE = 3  # elements below the body whose semantics count


@dataclass(frozen=True, slots=True)
class Kind:
    """Which matter a file is, and what to call it."""

    matter: str
    title: str


def landmarks(tree: LexborHTMLParser, path: str, resolve: Resolve) -> dict[str, str]:
    """The types that the landmarks of a navigation document give to whole files, by path."""
    found: dict[str, str] = {}
    for nav in tree.css("nav"):
        if "landmarks" not in (nav.attributes.get("epub:type") or ""):
            continue
        for link in nav.css("a"):
            href, kind = link.attributes.get("href"), link.attributes.get("epub:type")
            if href and kind and "#" not in href:
                found[resolve(path, href)] = kind
    return found


def matter_of(tree: LexborHTMLParser, landmark: str) -> Kind | None:
    """What a file is if it is no part of the work; ``landmark`` is its type in the landmarks."""
    words = landmark.lower().split()
    node = tree.body
    for _ in range(_INSIDE):
        if node is None:
            break
        kinds = f"{node.attributes.get('epub:type') or ''} {node.attributes.get('role') or ''}"
        words += [word.removeprefix("doc-") for word in kinds.lower().split()]
        children = [child for child in node.iter() if child.is_element_node]
        node = children[0] if len(children) == 1 else None
    if not words or _WORK.intersection(words):
        return None
    after = "backmatter" in words or not _FRONT.keys() & words
    named = _BACK if after else _FRONT
    titles = [named[word] for word in words if word in named]
    if not titles:
        return None
    plain = ("Front matter", "Back matter")
    return Kind(
        "back" if after else "front", next((t for t in titles if t not in plain), titles[0])
    )
