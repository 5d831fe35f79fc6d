"""The text inside a Word paragraph: runs, fields, equations, and what is read after it.

Text boxes and notes stand in the middle of a paragraph in the file; they are read after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ingest.readers.docx.equations import linear
from ingest.readers.docx.styles import Styles, is_on, value, whole

# Properties, what was deleted or moved away, and the instructions of fields.
_LEFT_OUT = frozenset(
    {"w:pPr", "w:rPr", "w:del", "w:moveFrom", "w:delText", "w:instrText", "w:delInstrText"}
    | {"w:sdtPr", "w:sdtEndPr", "w:rubyPr", "w:sectPr", "w:annotationRef", "w:customXmlPr"}
)
_SIGNS = {"w:tab": " ", "w:ptab": " ", "w:br": "\n", "w:cr": "\n", "w:noBreakHyphen": "-"}
_DRAWINGS = frozenset({"w:drawing", "w:pict", "w:object"})
_LONGEST_CODE = 30  # paragraphs that the instruction of a field may go on for
# The font Symbol from 0x61 on and from 0x41 on, which has Greek letters for Latin ones.
_GREEK = dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True)) | dict(
    zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True)
)
_SYMBOLS = _GREEK | {
    0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°",
    0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB8: "÷", 0xB9: "≠", 0xBA: "≡",
    0xBB: "≈", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xD1: "∇", 0xD6: "√", 0xE5: "∑", 0xF2: "∫",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """A reference to a note: "footnote" or "endnote", and its id."""

    kind: str
    id: str
    marked: bool = False  # the author has written a mark of his own


@dataclass(slots=True)
class _Field:
    """A field that is open: its instruction is not read, its result is."""

    in_code: bool = True
    paragraphs: int = 0
    form: Element | None = None  # of a form: its check box or list


class Fields:
    """The fields that are open, over the paragraphs of a document."""

    def __init__(self) -> None:
        self._open: list[_Field] = []
        self.lost = False  # whether an instruction never ended

    @property
    def in_code(self) -> bool:
        """Whether what follows is part of an instruction."""
        return any(field.in_code for field in self._open)

    def meet(self, element: Element) -> str:
        """Begin, separate or end a field (`w:fldChar`); what a form that ends has chosen."""
        kind = element.get("w:fldCharType")
        if kind == "begin":
            self._open.append(_Field(form=element.find("w:ffData")))
        elif kind == "separate" and self._open:
            self._open[-1].in_code = False
        elif kind == "end" and self._open:
            ended = self._open.pop()
            return "" if self.in_code or ended.form is None else _chosen(ended.form)
        return ""

    def paragraph(self) -> None:
        """A paragraph begins. An instruction that goes on for very long is a mistake."""
        for field in self._open:
            field.paragraphs += 1
            if field.in_code and field.paragraphs > _LONGEST_CODE:
                field.in_code, self.lost = False, True


class Inline:
    """Collects the text of one paragraph, and what is read after it."""

    def __init__(self, styles: Styles, fields: Fields, numbers: dict[str, dict[str, int]]) -> None:
        self.pieces: list[str] = []
        self.later: list[Element | Note | str] = []
        self.hidden = False  # whether hidden text was left out
        self._styles, self._fields, self._numbers = styles, fields, numbers

    def walk(self, element: Element) -> None:
        """Read all that an element contains."""
        for child in element:
            tag = child.tag
            if tag == "w:t":
                self._write(child.text or "")
            elif tag in _LEFT_OUT:
                continue
            elif tag == "w:r":
                self._run(child)
            elif tag in _SIGNS:
                self._write(_SIGNS[tag])
            elif tag in _DRAWINGS:
                self._boxes(child)
            else:
                self._special(child, tag)

    def _special(self, element: Element, tag: str) -> None:
        """Read what is neither a run nor text; what is not known is looked into."""
        if tag == "w:fldChar":
            self._write(self._fields.meet(element))
        elif tag in ("m:oMath", "m:oMathPara"):
            equations = element.findall("m:oMath") if tag == "m:oMathPara" else [element]
            self._write("\n".join(linear(equation) for equation in equations))
        elif tag == "mc:AlternateContent":
            self._alternative(element, self.walk)
        elif tag in ("w:footnoteReference", "w:endnoteReference"):
            self._note(element, tag[2:].removesuffix("Reference"))
        elif tag == "w:sym":
            self._write(_symbol(element))
        elif tag == "w:rt":
            self._write("(")
            self.walk(element)
            self._write(")")
        else:
            self.walk(element)

    def _write(self, text: str) -> None:
        if text and not self._fields.in_code:
            self.pieces.append(text)

    def _run(self, run: Element) -> None:
        properties = run.find("w:rPr")
        if properties is not None and self._styles.hides(properties):
            self.hidden = self.hidden or run.find("w:t") is not None
            for element in run.findall("w:fldChar"):
                self._write(self._fields.meet(element))
        else:
            self.walk(run)

    def _alternative(self, element: Element, read: Callable[[Element], None]) -> None:
        """Read the first choice that says something, or else what there is for old programs."""
        for choice in element:
            before = len(self.pieces), len(self.later)
            read(choice)
            if "".join(self.pieces[before[0] :]).strip() or len(self.later) > before[1]:
                return

    def _note(self, element: Element, kind: str) -> None:
        if self._fields.in_code:
            return
        note = Note(kind, element.get("w:id", ""), "w:customMarkFollows" in element.attrib)
        numbers = self._numbers.setdefault(kind, {})
        if not note.marked:
            numbers.setdefault(note.id, len(numbers) + 1)
            self._write(note_mark(note, self._numbers))
        self.later.append(note)

    def _boxes(self, element: Element) -> None:
        """Keep the text boxes of a drawing for later."""
        for child in element:
            if child.tag == "w:txbxContent":
                if any(text.text for name in ("w:t", "m:t") for text in child.iter(name)):
                    self.later.append(child)
            elif child.tag == "a:p":
                self._keep("".join(text.text or "" for text in child.iter("a:t")))
            elif child.tag == "v:textpath":
                self._keep(child.get("string", ""))
            elif child.tag == "mc:AlternateContent":
                self._alternative(child, self._boxes)
            else:
                self._boxes(child)

    def _keep(self, text: str) -> None:
        if text.strip():
            self.later.append(text)


def note_mark(note: Note, numbers: dict[str, dict[str, int]]) -> str:
    """How a note is marked in the text and where it stands: "[2]"; endnotes as "[e2]"."""
    if note.marked:
        return ""
    return f"[{'e' if note.kind == 'endnote' else ''}{numbers[note.kind].get(note.id, 0)}]"


def _symbol(element: Element) -> str:
    """A character that is given by its place in a font."""
    try:
        code = int(element.get("w:char", ""), 16)
    except ValueError:
        return ""
    place = code - 0xF000 if 0xF000 <= code <= 0xF0FF else code
    if element.get("w:font", "").casefold() == "symbol":
        return _SYMBOLS.get(place, chr(place) if 0x20 <= place < 0x7F else "")
    # A font of pictures has no letters in these places; elsewhere the character is itself.
    return chr(code) if 0x20 <= code < 0xD800 else ""


def _chosen(form: Element) -> str:
    """What a form's check box or list shows; a text field shows its result."""
    box, listed = form.find("w:checkBox"), form.find("w:ddList")
    if box is not None:
        checked = is_on(box, "w:checked")
        return "☒" if (is_on(box, "w:default") if checked is None else checked) else "☐"
    if listed is not None:
        entries = [entry.get("w:val", "") for entry in listed.findall("w:listEntry")]
        at = whole(value(listed, "w:result") or value(listed, "w:default")) or 0
        return entries[at] if at < len(entries) else ""
    return ""
