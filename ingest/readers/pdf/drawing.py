"""Whether what draws a page has errors that its readers pass over in silence."""

from __future__ import annotations

import re

from pypdf._page import PageObject

_MOST = 2 << 20  # bytes of a page's drawing that are looked at
_STRING = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
_DEEPEST = 4  # brackets within a string
# A comment, a string in hexadecimal, a name, a number, or white space.
_QUIET = re.compile(
    rb"%[^\r\n]*+|<[0-9A-Fa-f\s]*+>|/[^\s()<>\[\]{}/%]*+|[-+.\d]++|[^\[\]<>{}%/\w'\"*.+-]++"
)
_TOKEN = re.compile(rb"[\[\]]|[A-Za-z'\"][A-Za-z0-9*'\"]*+")
_OPERATORS = frozenset(
    b"b B b* B* BDC BI BMC BT BX c cm CS cs d d0 d1 Do DP EI EMC ET EX f F f* G g gs h i ID j J K k"
    b" l m M MP n q Q re RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W"
    b" W* y ' \" true false null".split()
)
_VALUES = frozenset((b"true", b"false", b"null"))


def is_broken(page: PageObject) -> bool:
    """Whether the drawing has words that are no operators, or operators in arrays.

    It may raise whatever pypdf does.
    """
    contents = page.get_contents()
    data = contents.get_data() if contents is not None else b""
    if not data or len(data) > _MOST or b"ID" in data:  # the bytes of a picture may be anything
        return False
    for _ in range(_DEEPEST):
        if b"(" not in data:
            break
        data = _STRING.sub(b" ", data)
    inside = False
    for match in _TOKEN.finditer(_QUIET.sub(b" ", data)):
        token = match[0]
        if token in b"[]":
            inside = token == b"["
        elif token not in _OPERATORS or (inside and token not in _VALUES):
            return True
    return False
