"""Facts told in passing: several in a sentence, or one over two sentences."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, each, kind
from lab.train.answering.papers.kinds_of_fact.figures import HOW_MUCH
from lab.train.answering.papers.kinds_of_fact.people import WHAT_OFFICE, WHO_IS

INTRODUCED = kind(
    "person introduced",
    "people",
    """
    {who} came to us from {town} in {year}. {who.she:C} is now the {role}.
    You may know {who} from the {event}. {who.she:C} works here as {role}.
    Some of you have met {who}, who moved here from {town}; {who.she} is the new {role}.
    The {role} is no stranger to us: {who} has lived in {town} since {year}.
    When you need the {role}, ask for {who}. {who.she:C} is here every {weekday}.
    {who} joined in {year}. Everyone was glad when {who.she} became {role}.
    There is little {who} does not know: {who.she} has been the {role} since {year}.
    In {year} {who} left {town} to work for us. As {role}, {who.she} is much respected.
    {who} writes to say that {who.she} is glad to be the {role}.
    If you meet {who} on the stairs: {who.she} is our {role}, and is here until {date}.
    The new {role} has arrived. {who.her:C} name is {who}, and {who.she} comes from {town}.
    Is {who} from {town}? Yes, and {who.she} is the {role}.
    Our {role} could not be chosen sooner. On {date}, at last, {who} said yes.
    """,
    ask(WHO_IS, "{who}"),
    ask(WHAT_OFFICE, "{role}"),
    ask(
        """
        Is {who} the {role}?
        Is the {role} {who}?
        """,
        "Yes",
        "role",
    ),
    ask(
        """
        Is {other} the {role}?
        Is the {role} {other}?
        """,
        "No, {who}",
        "role",
    ),
)

TWO_OFFICES = kind(
    "two offices in a sentence",
    "people",
    """
    {who} and {who2} share a desk; the former is the {role}, the latter the {role2}.
    The {role} ({who}) sits next to the {role2} ({who2}).
    {who2}, with whom the {role}, {who}, works, is the {role2}.
    Unlike {who2}, who is the {role2}, {who} is the {role}.
    Both {who}, {role}, and {who2}, {role2}, were there.
    For {role2} we have {who2}; {who}, whom you met last year, is the {role}.
    On the left is {who2}, {role2}, on the right {who}, {role}.
    The {role} is called {who} and the {role2} {who2}.
    {who2}, the {role2}, thanked the {role}, {who}.
    The {role2}, {who2}, handed the keys to {who}, the {role}, on {date}.
    {who} ({role}; every {weekday}), {who2} ({role2}; by appointment)
    Please turn to {who}, {role}, or to {who2}, {role2}.
    We welcome {who} as {role}. {who.she:C} will work with {who2}, the {role2}.
    The {role}, {who}, who had spoken with the {role2}, {who2}, agreed.
    {who} is no longer {role2}, as {who2} has taken that post, but {role}.
    """,
    *each(2, WHO_IS, "{who}"),
    *each(2, WHAT_OFFICE, "{role}"),
    ask(
        """
        Is {who2} the {role}?
        Is the {role} {who2}?
        """,
        "No, {who}",
        "role",
    ),
)

TWO_FEES = kind(
    "two fees in a sentence",
    "figures",
    """
    The {fee} is {sum}, the {fee2} {sum2}; both are due {due}.
    {sum} for the {fee} and {sum2} for the {fee2}, {due}.
    The {side} pays {fee:a} of {sum} {due} and, on top of that, {sum2} as the {fee2}.
    Besides the {fee} ({sum}), there is {fee2:a} of {sum2}, due {due}.
    The {fee2} ({sum2}) is not part of the {fee}, which is {sum} and due {due}.
    {fee}: {sum}; {fee2}: {sum2}. Payable {due}.
    The {fee} has been put at {sum}. The {fee2} comes to {sum2} and is to be paid {due}.
    {who} pays {sum2} as the {fee2} and {sum} as the {fee}.
    With {sum} the {fee} is dearer than last year; the {fee2} stays at {sum2}.
    Of the two, {sum} is the {fee} and {sum2} the {fee2}.
    Add to the {fee} of {sum} the {fee2}, which {who} has fixed at {sum2}.
    We received {sum} from {who} for the {fee}, but the {fee2}, {sum2}, is still open.
    """,
    ask(HOW_MUCH, "{sum}"),
    ask(HOW_MUCH.replace("{fee}", "{fee2}"), "{sum2}", "fee2"),
    ask(
        """
        What is the {sum2} for?
        What are the {sum2} for?
        """,
        "the {fee2}",
    ),
    ask(
        """
        Is the {fee} {sum2}?
        Do I pay {sum2} as the {fee}?
        """,
        "No, {sum}",
        "fee",
    ),
    ask(
        """
        Is the {fee} {sum}?
        Do I pay {sum} as the {fee}?
        """,
        "Yes",
        "fee",
    ),
)

WHOLE_EVENT = kind(
    "event with all that belongs to it",
    "dates",
    """
    On {date} {who} leads the {event} {spot}; it starts at {time}.
    The {event} (led by {who}) begins at {time} on {date} {spot}.
    {event}: {date}, {time}, {spot}, with {who}
    Meet {who} {spot} at {time} on {date} for the {event}.
    {who} will be in charge of the {event}, which takes place {spot} on {date} from {time}.
    At {time} on {date}, {spot}, the {event} begins; {who} is in charge.
    The {event} is on {date}. {who} leads it and will be {spot} at {time}.
    {who} invites you to the {event} on {date} ({spot}, {time}).
    Led by {who}, the {event} starts {spot} at {time} on {date}.
    Those coming to the {event} on {date} should ask for {who} {spot} at {time}.
    Please note the {event}, {date}, {time}, {spot}. In charge: {who}.
    {spot}, on {date}, {who} holds the {event}, starting at {time}.
    """,
    ask(
        """
        Who is in charge of the {event}?
        Who leads the {event}?
        Who holds the {event}?
        Whom do I ask for at the {event}?
        """,
        "{who}",
    ),
    ask(
        """
        When is the {event}?
        On what date is the {event}?
        On which day does the {event} take place?
        What is the date of the {event}?
        """,
        "on {date}",
    ),
    ask(
        """
        At what time does the {event} begin?
        What time does the {event} start?
        By what time do I have to be at the {event}?
        """,
        "at {time}",
    ),
    ask(
        """
        Where is the {event}?
        Where does the {event} take place?
        Where do I go for the {event}?
        """,
        "{spot}",
    ),
)
