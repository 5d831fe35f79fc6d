"""People and places as HTML. Whatever comes from a book is escaped here."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.people.who import Everybody, Named, Quote
from app.ui.acts import passage_acts
from app.ui.texts import note, shortened
from ingest.book import Chapter

MOST_SHOWN = 80  # people
MOST_PLACES = 40
MOST_OTHERS = 60
LONGEST_QUOTE = 400  # characters
LONGEST_NAME = 80
WIDTH, HEIGHT = 180, 26  # of a chart
NOBODY = "No names of people or places were found in this text."
UNSURE = "Names of which the text does not say whether they are people or places:"
HOW = (
    "Found in the text by rules: capital letters, titles, and the words around a name. Forms of a "
    "name are joined where they fit one person only."
)


def everybody_html(found: Everybody, chapters: Sequence[Chapter], reading_id: str) -> str:
    """People, places and other names of a document; quotes lead into the reading's text."""
    if not (found.people or found.places or found.others):
        return note(NOBODY)
    parts = [note(HOW), note(found.note, "warning")]
    for heading, listed, most in (
        ("People", found.people, MOST_SHOWN),
        ("Places", found.places, MOST_PLACES),
    ):
        if listed:
            count = f"{len(listed)}" if len(listed) <= most else f"{most} of {len(listed)}"
            parts.append(f'<h3 class="bs-title">{heading} ({count})</h3>')
            parts += [named_html(named, chapters, reading_id) for named in listed[:most]]
    if found.others:
        names = "".join(_chip(n.name, n.mentions) for n in found.others[:MOST_OTHERS])
        parts.append(f'<h3 class="bs-title">Other names</h3>{note(UNSURE)}<div>{names}</div>')
    return f'<div class="bs-people">{"".join(parts)}</div>'


def named_html(named: Named, chapters: Sequence[Chapter], reading_id: str) -> str:
    """One person or place: a line with a chart; opened, the forms of the name and quotes."""
    times = "once" if named.mentions == 1 else f"{named.mentions} times"
    same = named.first_label == named.last_label
    first = f"page {named.first_label}"
    where = first if same else f"{first} to {named.last_label}"
    forms = "".join(_chip(form, count) for form, count in named.variants)
    quotes = "".join(_quote(quote, reading_id) for quote in named.quotes)
    listed = f'<ul class="bs-quotes">{quotes}</ul>' if quotes else ""
    return (
        '<details class="bs-person"><summary>'
        f'<b class="bs-who">{escape(shortened(named.name, LONGEST_NAME))}</b>'
        f"{chart_html(named, chapters)}"
        f'<span class="bs-place">{times}, {escape(where)}</span></summary>'
        f"<div>{forms}</div>{listed}</details>"
    )


def chart_html(named: Named, chapters: Sequence[Chapter]) -> str:
    """How often a name stands in each chapter, as bars that need no script."""
    counts = dict(named.chapters)
    total, most = len(chapters), max(counts.values())
    top = max(counts, key=lambda number: counts[number])
    said = (
        f"In {len(counts)} of {total} chapters; most often in chapter {top}: "
        f"{chapters[top - 1].title}"
        if total > 1
        else "In the only chapter"
    )
    step = WIDTH / max(1, total)
    bars = "".join(
        f'<rect x="{(number - 1) * step:.1f}" width="{max(1.0, step - 0.6):.1f}" '
        f'y="{HEIGHT - height:.1f}" height="{height:.1f}"/>'
        for number, count in sorted(counts.items())
        for height in [max(2.0, HEIGHT * count / most)]
    )
    label = escape(shortened(said, 2 * LONGEST_NAME), quote=True)
    return (
        f'<svg class="bs-bars" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{label}"><title>{label}</title>{bars}</svg>'
    )


def _chip(name: str, count: int) -> str:
    times = f" <small>{count}</small>"
    return f'<span class="bs-chip">{escape(shortened(name, LONGEST_NAME))}{times}</span> '


def _quote(quote: Quote, reading_id: str) -> str:
    line = shortened(quote.text, LONGEST_QUOTE).strip('"“”')
    link = f"#read={escape(reading_id)}:{quote.start}-{quote.end}"
    page = f'<a href="{link}">page {escape(quote.label)}</a>'
    links = passage_acts(reading_id, quote.start, quote.end)
    return f'<li>“{escape(line)}” <span class="bs-place">{page}</span> {links}</li>'
