"""Other words for what a paper says, so that questions do not repeat its words."""

from __future__ import annotations

import random
import re

from lab.train.answering.papers.names import TITLES, Person
from lab.train.answering.papers.wording import entries

REWORDED = 0.6  # share of the phrases that have other words and are put in them
RENAMED = 0.3  # share of full names that a question shortens to title and surname
PHRASES = frozenset(
    {"act", "task", "offence", "fee", "event", "thing", "role", "duty", "deed", "topic", "prepaid"}
)  # slots whose values may be said in other words

# Verbs stand at the beginning of a phrase, in the form that `gerund` bends.
VERBS = """
    borrow=take out|get the loan of; bring=take along|come with; keep=have; use=make use of; take
    photographs=take pictures|photograph things; wear=have on|dress in; park=leave a car;
    eat=have a meal|have lunch; drink=have; stay overnight=spend the night|sleep here;
    sleep=spend the night; light=make; grill=have a barbecue|barbecue things; sublet=rent out;
    rent out=let others have; hang=put up; paint=put fresh paint on; store=leave|keep; put
    up=mount; install=put in|fit; feed=give food to; camp=sleep in a tent; carry=take along;
    change=swap; chew=have; choose=pick|select; climb=go up; copy=make copies of; cross=walk
    across; cut down=fell; cycle=go by bike|ride a bike; dry=hang up; enter=go into;
    exchange=swap; fish=go fishing|catch fish; gather=pick|collect; leave early=go home early;
    leave=go away from; listen to=turn on; live=stay; mix=blend; move=shift; operate=work;
    order=ask for; pay by card=pay with a bank card|use a card; pick=gather|take; pitch=put up;
    publish=print; record=tape|make a recording of; repair=mend|fix; reserve=book; retake=sit
    again; run=use|start; see=look at|read; sell=offer for sale; serve=pour; sharpen=grind;
    smoke=have a cigarette|light a pipe; speak to=talk to; swap=exchange; swim=bathe|go for a
    swim; take a bath=have a bath; take a second job=work for somebody else, too; taste=try;
    touch=handle; visit=come to see people; vote=take part in votes; watch=look on; work from
    home=do the job at home; book=reserve; apply for=ask for|put in for; approve=agree to;
    cancel=call off; claim=ask for; clear out=empty; collect=pick up|fetch; empty=clear out;
    enrol=sign up; fill in=complete; give up=hand back; hand in=submit|turn in; hand back=return;
    list=write down; nominate=propose|put forward; object to=protest against; pay=settle;
    propose=suggest|put forward; renew=extend; reply to=answer; return=give back|bring back|hand
    back; send in=submit; settle=pay; sign up=register|enrol; submit=hand in|send in;
    update=bring up to date; let=allow; lose=mislay; break=smash; forget=fail to remember; leave
    on=not switch off; damage=harm; block=park across; miss=not come to; remove=take away
"""
NOUNS = """
    telephones=phones; telephone=phone; photographs=pictures; bicycles=bikes; bicycle=bike;
    flat=apartment; monthly rent=rent; annual=yearly; lift=elevator; luggage=bags;
    pushchairs=prams; lawn=grass; fee=charge|price; charge=fee|cost; price=cost;
    deposit=security; caretaker=janitor; guests=visitors; trainers=sports shoes; children=kids;
    drinks=beverages; examination=exam; doctor=physician; solicitor=lawyer; vet=animal doctor;
    umpire=referee; coach=trainer; undertaker=funeral director; chauffeur=driver; roofer=man for
    the roof; bookkeeper=person who keeps the books; treasurer=keeper of the money;
    minute-taker=writer of the minutes; cleaner=person who cleans; photographer=person with the
    camera; plumber=man for the pipes; translator=person who translates; hall=big room;
    balcony=terrace; washing machine=washer; car=motor car; cottage=small house; firewood=wood
    for the stove; candles=wax lights; wine=bottles of wine; meeting=gathering;
    party=celebration; inspection=check; course=class; show=exhibition; trip=outing; fair=market;
    contest=competition; lecture=talk; ladder=steps; fire extinguisher=extinguisher; first-aid
    box=box with the bandages; annual subscription=yearly membership fee; salary=pay;
    rubbish=litter; bins=dustbins; shoes=footwear; pets=animals; timesheet=list of hours;
    laptop=computer; flowers=bouquet; hut=cabin; yard=courtyard; guest=visitor; bill=invoice;
    wage=pay; cost=price; insurance=cover; ticket=pass; form=sheet
"""


def _table(block: str) -> dict[str, tuple[str, ...]]:
    parts = (entry.partition("=") for entry in entries(block))
    return {said: tuple(others.split("|")) for said, _, others in parts}


_VERBS, _NOUNS = _table(VERBS), _table(NOUNS)


def _longest_first(said: dict[str, tuple[str, ...]]) -> str:
    return "|".join(map(re.escape, sorted(said, key=len, reverse=True)))


_VERB = re.compile(rf"({_longest_first(_VERBS)})(?= |$)")
_NOUN = re.compile(rf"\b({_longest_first(_NOUNS)})\b(?!['-])")


def reworded(phrase: str, slot: str, rng: random.Random) -> str:
    """A phrase of a slot in other words where there are any; else as it is."""
    if slot not in PHRASES:
        return phrase
    if slot in {"act", "task", "offence"}:
        phrase = (
            _VERB.sub(lambda found: rng.choice(_VERBS[found[1]]), phrase, count=1)
            if (_VERB.match(phrase) and rng.random() < REWORDED)
            else phrase
        )
    if slot == "role":
        return (
            rng.choice(_NOUNS[phrase]) if phrase in _NOUNS and rng.random() < REWORDED else phrase
        )
    if rng.random() < REWORDED:
        phrase = _NOUN.sub(lambda found: rng.choice(_NOUNS[found[1]]), phrase, count=1)
    return phrase


def renamed(person: Person, rng: random.Random) -> Person | str:
    """The person as a question may say it: sometimes by title and surname alone."""
    if person.shown == f"{person.first} {person.last}" and rng.random() < RENAMED:
        return f"{rng.choice(TITLES[person.is_woman])} {person.last}"
    return person
