"""XML from strangers as a tree: without entities, and not nested deeply."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from ingest.book import DamagedDocument, TooLarge

DEEPEST = 100  # levels of elements; what reads a tree calls itself for each level


def parse_xml(data: bytes, what: str) -> Element:
    """``data`` as a tree; ``what`` ("FB2") is the format's name in messages.

    Raises DamagedDocument or TooLarge.
    """
    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise DamagedDocument(
            f"The {what} file is damaged or incomplete: it is not well-formed XML; download or"
            " save it again."
        ) from error
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise TooLarge(
                f"The {what} file's elements are nested more than {DEEPEST} levels deep; save it"
                " as plain text."
            )
        level = [child for element in level for child in element]
    return root
