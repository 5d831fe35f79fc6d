"""What the reader of Word documents makes of the things that people's documents hold."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from document_makers import WORD, docx, zipped

from ingest.book import Book, DamagedDocument
from ingest.readers import read_book

NAMES = (
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
    ' xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
    ' xmlns:v="urn:schemas-microsoft-com:vml"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def run(text: str, properties: str = "") -> str:
    return f'<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(inside: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def read(body: str, styles: str = "", **parts: str) -> Book:
    """A document with this body and these styles; other parts by their kind, such as numbering."""
    with zipfile.ZipFile(io.BytesIO(docx([]))) as archive:
        members: dict[str, str | bytes] = {n: archive.read(n) for n in archive.namelist()}
    spaces = f'xmlns:w="{WORD}" {NAMES}'
    members["word/document.xml"] = f"<w:document {spaces}><w:body>{body}</w:body></w:document>"
    members["word/styles.xml"] = f"<w:styles {spaces}>{styles}</w:styles>"
    links = ""
    for kind, content in parts.items():
        members[f"word/{kind}.xml"] = f"<w:{kind} {spaces}>{content}</w:{kind}>"
        links += f'<Relationship Id="{kind}" Type="{OFFICE}/{kind}" Target="{kind}.xml"/>'
    members["word/_rels/document.xml.rels"] = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{links}</Relationships>"
    )
    return read_book(zipped(members), "a.docx")


def titles(book: Book) -> list[str]:
    return [chapter.title for chapter in book.chapters]


def test_text_boxes_equations_and_fields_are_read() -> None:
    box = f"<w:txbxContent>{paragraph(run('The gate is shut on Monday.'))}</w:txbxContent>"
    body = (
        paragraph(run("The load is ") + "<m:oMath><m:r><m:t>q=17</m:t></m:r></m:oMath>" + run("."))
        + paragraph(
            f"<w:r><w:drawing><wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></w:drawing></w:r>"
        )
        + paragraph(f"<w:r><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict></w:r>")
        + paragraph('<w:fldSimple w:instr=" MERGEFIELD Who ">' + run("Ida Maro") + "</w:fldSimple>")
    )
    text = read(body).text
    assert text.split("\n\n") == [
        "The load is q=17.", *["The gate is shut on Monday."] * 2, "Ida Maro",
    ]  # fmt: skip


def test_a_complex_field_gives_its_result_over_paragraphs_and_inside_another() -> None:
    def mark(kind: str) -> str:
        return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'

    code = "<w:r><w:instrText> IF </w:instrText></w:r>"
    inner = mark("begin") + run("unseen") + mark("separate") + run("unseen, too") + mark("end")
    body = paragraph(run("a ") + mark("begin") + code + inner) + paragraph(
        run("unseen") + mark("separate") + run("seen") + mark("end") + run(" b")
    )
    assert read(body).text == "a\n\nseen b"


def test_a_field_that_never_ends_does_not_take_the_document_with_it() -> None:
    start = paragraph('<w:r><w:fldChar w:fldCharType="begin"/></w:r>')
    book = read(start + "".join(paragraph(run(f"line {n}")) for n in range(60)))
    assert "line 59" in book.text
    assert any("field" in warning for warning in book.warnings)


def test_form_fields_show_what_was_chosen() -> None:
    box = '<w:ffData><w:checkBox><w:default w:val="0"/><w:checked/></w:checkBox></w:ffData>'
    chosen = (
        '<w:ffData><w:ddList><w:result w:val="1"/><w:listEntry w:val="red"/>'
        '<w:listEntry w:val="blue"/></w:ddList></w:ffData>'
    )
    body = "".join(
        f'<w:r><w:fldChar w:fldCharType="begin">{form}</w:fldChar></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>' + run(" x ")
        for form in (box, chosen)
    )
    assert read(paragraph(body)).text == "☒ x blue x"


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>",
         "(a+b)/2"),
        ("<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>",
         "x^2"),
        ("<m:rad><m:deg/><m:e><m:r><m:t>y+1</m:t></m:r></m:e></m:rad>", "√(y+1)"),
        ('<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub>'
         "<m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>",
         "∑_(i=1)^n i"),
        ('<m:d><m:dPr><m:begChr m:val="{"/><m:endChr m:val="}"/></m:dPr><m:e><m:r><m:t>z</m:t></m:r>'  # noqa: E501
         "</m:e></m:d>", "{z}"),
        ("<m:m><m:mr><m:e><m:r><m:t>1</m:t></m:r></m:e><m:e><m:r><m:t>0</m:t></m:r></m:e></m:mr>"
         "</m:m>", "[1, 0]"),
    ],
)  # fmt: skip
def test_equations_are_one_line(markup: str, line: str) -> None:
    assert read(paragraph(f"<m:oMath>{markup}</m:oMath>")).text == line


def test_of_alternates_the_choice_is_read_and_the_fallback_only_without_one() -> None:
    both = (
        "<mc:AlternateContent><mc:Choice Requires='wps'>{}</mc:Choice><mc:Fallback>{}"
        "</mc:Fallback></mc:AlternateContent>"
    )
    body = paragraph(both.format(run("new"), run("old"))) + both.format(
        paragraph(""), paragraph(run("only old"))
    )
    assert read(body).text == "new\n\nonly old"


LONG = paragraph(
    run("The boats came in at dusk and the nets were hung along the wall to dry. " * 9)
)


def style(id_: str, inside: str, attributes: str = 'w:type="paragraph"') -> str:
    return f'<w:style {attributes} w:styleId="{id_}">{inside}</w:style>'


@pytest.mark.parametrize(
    "styles",
    [
        style("X", '<w:name w:val="Our head"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr>'),
        style("X", '<w:name w:val="x"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr>', ""),  # no type
        style("X", '<w:name w:val="x"/><w:basedOn w:val="Y"/>')
        + style("Y", '<w:name w:val="y"/><w:basedOn w:val="Z"/>')
        + style("Z", '<w:name w:val="heading 1"/>'),
        style("X", '<w:name w:val="Überschrift 1"/>'),
        style("X", '<w:name w:val="Заголовок 1"/>'),
        style("X", '<w:name w:val="标题 1"/>'),
        style("X", '<w:name w:val="x"/><w:basedOn w:val="X"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr>'),  # noqa: E501
    ],
    ids=["outline", "no type", "inherited", "German", "Russian", "Chinese", "based on itself"],
)  # fmt: skip
def test_headings_by_outline_level_by_inheritance_and_in_other_languages(styles: str) -> None:
    named = '<w:pStyle w:val="X"/>'
    body = "".join(paragraph(run(t), named) + LONG for t in ("The boats", "The nets", "The wall"))
    assert titles(read(body, styles)) == ["The boats", "The nets", "The wall"]


def test_a_paragraphs_own_outline_level_counts_more_than_its_styles() -> None:
    named, plain = '<w:pStyle w:val="X"/>', '<w:outlineLvl w:val="9"/>'
    styles = style("X", '<w:name w:val="heading 1"/>')
    body = (
        paragraph(run("One"), named) + LONG + paragraph(run("No head"), named + plain) + LONG
        + paragraph(run("Two"), '<w:outlineLvl w:val="0"/>') + LONG
    )  # fmt: skip
    assert titles(read(body, styles)) == ["One", "Two"]


def test_headings_and_items_have_their_numbers() -> None:
    level = '<w:lvl w:ilvl="{}"><w:start w:val="1"/><w:numFmt w:val="{}"/><w:lvlText w:val="{}"/></w:lvl>'  # noqa: E501
    numbering = (
        '<w:abstractNum w:abstractNumId="0">'
        + level.format(0, "decimal", "Article %1.")
        + level.format(1, "lowerLetter", "%1.%2)")
        + '</w:abstractNum><w:num w:numId="5"><w:abstractNumId w:val="0"/></w:num>'
    )

    def item(depth: int, text: str, more: str = "") -> str:
        listed = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="5"/></w:numPr>'
        return paragraph(run(text), listed + more)

    head = '<w:outlineLvl w:val="0"/>'
    body = (
        item(0, "Fees", head) + LONG + item(1, "first") + item(1, "second") + LONG
        + item(0, "Dates", head) + LONG + item(1, "third")
    )  # fmt: skip
    book = read(body, numbering=numbering)
    assert titles(book) == ["Article 1. Fees", "Article 2. Dates"]
    assert "1.a) first\n1.b) second\n\n" in book.text
    assert book.text.endswith("2.a) third")


def test_notes_follow_their_paragraph_once() -> None:
    note = f'<w:footnote w:id="2">{paragraph(run("A ship of two masts."))}</w:footnote>'
    last = f'<w:endnote w:id="2">{paragraph(run("See the ledger."))}</w:endnote>'
    twice = '<w:r><w:footnoteReference w:id="2"/></w:r>' * 2
    body = paragraph(run("The brig") + twice + run(" sank.")) + paragraph(
        run("So it was") + '<w:r><w:endnoteReference w:id="2"/></w:r>'
    )
    assert read(body, footnotes=note, endnotes=last).text.split("\n\n") == [
        "The brig[1][1] sank.", "[1] A ship of two masts.", "So it was[e1]", "[e1] See the ledger.",
    ]  # fmt: skip


def test_a_note_may_refer_to_itself() -> None:
    again = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    note = f'<w:footnote w:id="1">{paragraph(run("Round.") + again)}</w:footnote>'
    assert read(paragraph(run("x") + again), footnotes=note).text == "x[1]\n\n[1] Round.[1]"


def test_tracked_changes_are_accepted_and_comments_and_running_heads_left_out() -> None:
    changed = (
        run("The price is ") + "<w:del><w:r><w:delText>12</w:delText></w:r></w:del>"
        + f"<w:ins>{run('15')}</w:ins>" + f"<w:moveFrom>{run(' marks')}</w:moveFrom>" + run(" crowns")  # noqa: E501
    )  # fmt: skip
    comment = '<w:r><w:commentReference w:id="0"/></w:r>'
    deleted_row = f"<w:tr><w:trPr><w:del/></w:trPr><w:tc>{paragraph(run('gone'))}</w:tc></w:tr>"
    kept_row = f"<w:tr><w:tc>{paragraph(run('kept'))}</w:tc></w:tr>"
    body = (
        paragraph(changed + comment) + f"<w:tbl>{deleted_row}{kept_row}</w:tbl>"
        + paragraph(run("One"), "<w:rPr><w:del/></w:rPr>") + paragraph(run(" line"))
    )  # fmt: skip
    book = read(
        body,
        comments=f'<w:comment w:id="0">{paragraph(run("Too much!"))}</w:comment>',
        header=paragraph(run("The Harbour Times")),
    )
    assert book.text == "The price is 15 crowns\n\nkept\n\nOneline"


def test_hidden_text_is_left_out_with_a_warning() -> None:
    book = read(paragraph(run("seen") + run(" unseen", "<w:rPr><w:vanish/></w:rPr>")))
    assert book.text == "seen"
    assert book.warnings == ("Text that is set as hidden in the document is left out.",)


def test_wrapped_rows_signs_and_a_large_initial() -> None:
    cell = f"<w:tc>{paragraph(run('a'))}</w:tc><w:tc>{paragraph(run('b') + '<w:r><w:br/></w:r>')}</w:tc>"  # noqa: E501
    table = f"<w:tbl><w:sdt><w:sdtContent><w:tr>{cell}</w:tr></w:sdtContent></w:sdt></w:tbl>"
    symbol = '<w:r><w:sym w:font="Symbol" w:char="F061"/></w:r>'
    body = (
        paragraph(run("T"), '<w:framePr w:dropCap="drop"/>') + paragraph(run("he end") + symbol)
        + table
    )  # fmt: skip
    assert read(body).text == "The endα\n\na | b"


def test_a_document_type_declaration_is_refused() -> None:
    for start in ("<!DOCTYPE x>", '<!DOCTYPE x [<!ENTITY a "b">]>'):
        with pytest.raises(DamagedDocument):
            read_book(docx([("", "x")], prolog=start), "a.docx")


def test_a_main_part_of_another_name_is_found() -> None:
    with zipfile.ZipFile(io.BytesIO(docx([("", "Here.")]))) as archive:
        members = {n.replace("document", "document2"): archive.read(n) for n in archive.namelist()}
    relations = members["_rels/.rels"].replace(b"word/document.xml", b"/word/document2.xml")
    made = zipped({n: relations if n == "_rels/.rels" else m for n, m in members.items()})
    assert read_book(made, "a.docx").text == "Here."


def test_a_long_document_takes_seconds() -> None:
    body = paragraph(run("hello again")) * 50_000
    started = time.process_time()
    assert read(body).text.count("hello") == 50_000
    assert time.process_time() - started < 8  # slow machines, too
