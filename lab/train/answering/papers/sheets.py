"""The papers there are: what each is called, where it belongs, and what it states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.train.answering.papers.kinds import Kind
from lab.train.answering.papers.kinds_of_fact import (
    events,
    family,
    figures,
    lures,
    matters,
    passages,
    people,
    records,
    rules,
)
from lab.train.answering.papers.names import Style
from lab.train.answering.papers.setting import Setting
from lab.train.answering.papers.settings.home import CLUB, FAMILY, HALL, HOUSE, KITCHEN
from lab.train.answering.papers.settings.public import CLINIC, MUSEUM, SCHOOL, STAGE
from lab.train.answering.papers.settings.work import FARM, OFFICE, TRAVEL, WORKSHOP
from lab.train.answering.papers.wording import entries
from memory_models.errors import BadData

Layout = Literal["prose", "lines", "clauses", "headed"]
MODULES = (people, passages, family, records, figures, events, rules, matters, lures)
KINDS: dict[str, Kind] = {
    kind.name: kind for part in MODULES for kind in vars(part).values() if isinstance(kind, Kind)
}
LURES = tuple(k for k in vars(lures).values() if isinstance(k, Kind))
SETTINGS = (
    HOUSE, HALL, CLUB, FAMILY, KITCHEN, STAGE, SCHOOL, CLINIC, MUSEUM, WORKSHOP, OFFICE, FARM,
    TRAVEL,
)  # fmt: skip
FORMAL: tuple[Style, ...] = ("full", "full", "titled", "surname", "initial")
INFORMAL: tuple[Style, ...] = ("full", "full", "first", "surname")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A type of paper. `kinds` may name one twice, to have it twice as often."""

    name: str
    titles: tuple[str, ...]
    settings: tuple[Setting, ...]
    kinds: tuple[Kind, ...]
    styles: tuple[Style, ...] = FORMAL
    layouts: tuple[Layout, ...] = ("prose", "prose", "lines", "clauses", "headed")
    opening: Kind | None = None  # what it begins with, before anything else
    closing: Kind | None = None

    def __post_init__(self) -> None:
        if not (self.settings and self.kinds):
            raise BadData(f"A paper of type {self.name!r} needs settings and kinds.")


def _sheet(
    name: str,
    titles: str,
    kinds: str,
    settings: tuple[Setting, ...] = SETTINGS,
    styles: tuple[Style, ...] = FORMAL,
    layouts: tuple[Layout, ...] = ("prose", "prose", "lines", "clauses", "headed"),
    ends: tuple[str, str] = ("", ""),
) -> Sheet:
    named = tuple(KINDS[kind] for kind in entries(kinds))
    first, last = (KINDS.get(end) for end in ends)
    return Sheet(name, entries(titles), settings, named, styles, layouts, first, last)


SHEETS = (
    _sheet(
        "contract",
        """Lease; Agreement; Contract of {date}; Tenancy agreement; Contract of sale; Deed of
        {year}; Contract of hire; Memorandum of understanding""",
        """parties; parties; notice; when a fee is due; when a fee is due; fee; refund under a
        condition; no refund; permission under a condition; prohibition with an exception;
        prohibition; definition; consequence; fine; acting for someone; duty for all; permission
        of a party; prohibition for a party; prohibition for a party with an exception;
        permission; limit; address of a party; permission in other words; permission in other
        words, under a condition; prohibition in other words; prohibition in other words, with an
        exception; no duty; two fees in a sentence; two fees in a sentence; person introduced""",
        (HOUSE, FARM, OFFICE, WORKSHOP, STAGE, HALL, TRAVEL),
    ),
    _sheet(
        "minutes",
        """Minutes of the meeting of {date}; Minutes; Record of a meeting; Notes of our
        meeting; Protocol, {date}; Report of the committee for {year}""",
        """motion; motion; list of offices; role and deed; succession; deputy; duty; deadline;
        event; moved event; changed sum; reason; one office in several bodies; acting for
        someone; loan; role; two offices in a sentence; two offices in a sentence;
        person introduced; event with all that belongs to it; two fees in a sentence;
        prohibition in other words; permission in other words, under a condition""",
        (CLUB, HALL, HOUSE, SCHOOL, OFFICE, MUSEUM, FARM, STAGE),
    ),
    _sheet(
        "letter",
        "",
        """role and deed; role; not to X but to Y; deadline; event; moved event; reason; changed
        sum; loan; deputy; where a thing is; acting for someone; place of an event; address of a
        party; contact; no refund; permission under a condition; relatives; duty; person
        introduced; person introduced; event with all that belongs to it; two fees in a sentence;
        no duty; permission in other words; prohibition in other words; prohibition in other
        words, with an exception""",
        styles=INFORMAL,
        layouts=("prose",),
        ends=("receiver of the letter", "writer of the letter"),
    ),
    _sheet(
        "recipe",
        """My grandmother's recipe; Sunday dish; Recipe from {town}; How we make it here; A
        dish for cold days; From the kitchen of {town}""",
        """ingredients; ingredients; order of steps; order of steps; limit; consequence; reason;
        role""",
        (KITCHEN,),
        INFORMAL,
    ),
    _sheet(
        "obituary",
        """In memory; Obituary; A life remembered; Farewell; We mourn; Notice of a death,
        {year}""",
        """relatives; relatives; history; succession; role and deed; event; place of an event;
        reason; acting for someone; list of offices; two offices in a sentence; person
        introduced""",
        (FAMILY, HALL, STAGE, FARM, SCHOOL),
        layouts=("prose",),
    ),
    _sheet(
        "programme",
        """Programme; Tonight; Order of the day; Programme for {date}; Festival of {town};
        Cast and company""",
        """cast; cast; list of offices; role; event; place of an event; deputy; one office in
        several bodies; order of steps; prizes; hours; tariff; history; two offices in a
        sentence; event with all that belongs to it; event with all that belongs to it; person
        introduced; prohibition in other words""",
        (STAGE, HALL, CLUB, SCHOOL, MUSEUM, TRAVEL),
    ),
    _sheet(
        "rules",
        """House rules; Rules; Regulations of {year}; What is allowed and what is not; Please
        note; Rules for everyone; Terms of use""",
        """permission under a condition; permission; prohibition; prohibition with an exception;
        permission for some; fine; fine; definition; consequence; limit; duty for all; where a
        thing is; hours; not to X but to Y; no refund; permission in other words; permission in
        other words, under a condition; prohibition in other words; prohibition in other words,
        with an exception; permission in other words; prohibition in other words; no duty""",
    ),
    _sheet(
        "roster",
        """Roster; Duty list; Who does what; Shifts from {date}; Weekly plan; Rota""",
        """roster; duty; duty; deputy; role; list of offices; contact; where a thing is;
        deadline; not to X but to Y; two offices in a sentence; person introduced;
        event with all that belongs to it; no duty""",
        styles=INFORMAL,
        layouts=("lines", "prose"),
    ),
    _sheet(
        "will",
        """Last will; My will; Last will and testament; Testament of {year}; My last wishes""",
        """bequest; bequest; bequest; bequest; acting for someone; consequence; role; definition;
        deputy; permission under a condition; fee; prohibition with an exception; two fees in a
        sentence; prohibition in other words; permission in other words, under a condition;
        person introduced""",
        (FAMILY,),
        layouts=("prose", "clauses"),
    ),
    _sheet(
        "invoice",
        """Invoice; Bill; Invoice of {date}; Account rendered; Statement; Delivery note,
        {date}""",
        """invoice; invoice; fee; when a fee is due; changed sum; acting for someone; contact; no
        refund; refund under a condition; consequence; deadline; parties; two fees in a sentence;
        two fees in a sentence; permission in other words; prohibition in other words""",
        (WORKSHOP, KITCHEN, OFFICE, STAGE, FARM, CLINIC),
        layouts=("lines", "prose"),
    ),
    _sheet(
        "timetable",
        """Timetable; Departures; Excursions; Summer timetable {year}; Connections from {town}""",
        """departure; departure; tariff; fee; hours; moved event; reason; limit; consequence;
        contact; permission under a condition; prohibition; permission in other words;
        permission in other words, under a condition; prohibition in other words;
        prohibition in other words, with an exception; two fees in a sentence""",
        (TRAVEL, FARM, MUSEUM, SCHOOL),
        layouts=("lines", "prose"),
    ),
    _sheet(
        "notice",
        """Notice; Announcement; News from {town}; To all; Information sheet; Bulletin of
        {date}; From the noticeboard""",
        """reason; event; moved event; deadline; hours; contact; not to X but to Y; role; role
        and deed; where a thing is; place of an event; tariff; fee; duty for all; succession;
        prizes; deputy; changed sum; permission for some; list of offices; permission in other
        words; permission in other words, under a condition; prohibition in other words;
        prohibition in other words, with an exception; person introduced; two offices in a
        sentence; event with all that belongs to it; no duty; two fees in a sentence""",
    ),
    _sheet(
        "certificate",
        """Certificate; Confirmation; Report of the examiners; Certificates of {year}; To whom
        it may concern""",
        """certificate; certificate; role and deed; list of offices; acting for someone; prizes;
        history; succession; fee; deadline; two offices in a sentence; person introduced; two
        fees in a sentence""",
        (CLUB, SCHOOL, WORKSHOP, CLINIC, OFFICE, HALL, FARM),
        layouts=("prose", "lines"),
    ),
    _sheet(
        "guide",
        """How it is done; A short guide; Instructions; For newcomers; What you need to know;
        Handbook, page {number}""",
        """order of steps; order of steps; where a thing is; limit; definition; consequence;
        role; contact; prohibition; permission; hours; duty for all; refund under a condition;
        permission in other words; permission in other words, under a condition; prohibition in
        other words; prohibition in other words, with an exception; event with all that belongs
        to it; no duty; person introduced""",
    ),
)
