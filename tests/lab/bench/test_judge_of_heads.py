"""The judge of running heads knows heads that each stand on two pages only."""

from __future__ import annotations

from lab.bench.documents.poppler import Line
from lab.bench.documents.running import judge, split_heads

BODY = ["the boats came in at six and were tied up", "nobody saw the lamp go out that night",
        "so the keeper went down to look for himself"]  # fmt: skip


def pages(heads: list[str]) -> list[list[Line]]:
    made = []
    for number, head in enumerate(heads):
        lines = [Line(head, 0.04, 0.055)] if head else []
        for at, text in enumerate(BODY):
            top = 0.1 + 0.02 * at
            lines.append(Line(f"{text} {chr(97 + number) * 4}{at}", top, top + 0.015))
        made.append(lines)
    return made


def read(made: list[list[Line]], drop: str = "") -> dict[int, str]:
    return {
        n: "\n".join(line.text for line in page if not drop or drop not in line.text)
        for n, page in enumerate(made, 1)
    }


def test_sections_of_two_pages_each_may_lose_their_heads() -> None:
    made = pages([f"Name {'xyzuvw'[n // 2] * 4}" for n in range(12)])
    heads, bodies = split_heads(made)
    assert judge(heads, bodies, read(made, "Name")).deleted == ()


def test_text_in_the_same_place_may_not_be_lost() -> None:
    made = pages(["" for _ in range(12)])
    heads, bodies = split_heads(made)
    assert len(judge(heads, bodies, read(made, "boats")).deleted) == 12


def test_a_page_number_of_five_digits_is_one() -> None:
    made = pages(["Register of lamps" for _ in range(12)])
    for number, page in enumerate(made):
        page.insert(0, Line(str(47699 + number), 0.039, 0.055))
    heads, _ = split_heads(made)
    assert [len(head) for head in heads] == [2] * 12


def test_accents_are_no_difference() -> None:
    made = pages(["" for _ in range(4)])
    for page in made[:2]:
        page[0] = Line("Özalp Babaoğlu", 0.1, 0.115)
    heads, bodies = split_heads(made)
    plain = {n: text.replace("Özalp Babaoğlu", "Ozalp Babaog˘lu") for n, text in read(made).items()}
    assert judge(heads, bodies, plain).deleted == ()
