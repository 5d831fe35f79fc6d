"""Sentences that look as if they answered a question, and do not: what is to be abstained from."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, kind
from lab.train.answering.papers.kinds_of_fact.figures import HOW_MUCH
from lab.train.answering.papers.kinds_of_fact.people import WHO_IS
from lab.train.answering.papers.kinds_of_fact.rules import MAY, MAY_ANYBODY

ROLE_UNNAMED = kind(
    "unnamed office",
    "people",
    """
    The {role} sent apologies.
    A word with the {role} will be needed.
    {who} came instead of the {role}.
    The {role} has yet to be found.
    {who} spoke at length with the {role}.
    We have not heard from the {role}.
    The {role} will be introduced another time.
    {who} would like to thank the {role}.
    The office of {role} is vacant.
    {who} is a cousin of the {role}.
    Like every year, the {role} had the last word.
    The {role} was not present, but {who} was.
    {who} used to work for the {role}.
    """,
    ask(WHO_IS, None),
    ask(
        """
        Is {other} the {role}?
        Is {other} named as {role}?
        """,
        None,
        "role",
    ),
)

PERSON_WITHOUT_OFFICE = kind(
    "person without an office",
    "people",
    """
    {who} brought a cake.
    {who} was there from the beginning.
    With us was also {who}.
    {who} and {who2} came by train.
    A photograph shows {who} next to {who2}.
    {who} sends greetings.
    Thanks also to {who}.
    {who} could not stay long.
    {who} lives nearby.
    {who} asked for a copy of this paper.
    {who} has seen this page.
    The same was said by {who}.
    Everybody was glad to see {who} again.
    """,
    ask(
        """
        What is {who}'s role?
        What position does {who} hold?
        In what capacity is {who} named?
        What office does {who} hold?
        """,
        None,
    ),
    ask(
        """
        What is {who}'s telephone number?
        What is the address of {who}?
        How much did {who} pay?
        When did {who} take office?
        Who stands in for {who}?
        """,
        None,
    ),
)

FEE_UNNAMED = kind(
    "unnamed sum",
    "figures",
    """
    The {fee} will be looked at again next year.
    Everybody complains about the {fee}.
    The {fee} is the same as before.
    How the {fee} is worked out was explained.
    {who} paid the {fee} in cash.
    The {fee} may be paid in two parts.
    A reminder about the {fee} has been sent.
    The {fee} has gone up.
    No decision on the {fee} was made.
    Please do not send the {fee} by post.
    The {fee} covers all costs.
    {who} had questions about the {fee}.
    """,
    ask(HOW_MUCH, None),
    ask(
        """
        When is the {fee} due?
        By when must the {fee} be paid?
        """,
        None,
    ),
)

DATE_UNNAMED = kind(
    "undated event",
    "dates",
    """
    The {event} will be announced in good time.
    The {event} was a great success.
    {who} is looking forward to the {event}.
    A date for the {event} has yet to be found.
    Bring warm clothes to the {event}.
    The {event} is open to everyone.
    {who} spoke about the {event}.
    Last year's {event} was well attended.
    Help is needed at the {event}.
    The {event} had to be planned again.
    After the {event} there will be tea.
    {who} took part in the {event}.
    """,
    ask(
        """
        When is the {event}?
        On what date is the {event}?
        What is the date of the {event}?
        At what time does the {event} begin?
        """,
        None,
    ),
    ask(
        """
        Where is the {event}?
        Where does the {event} take place?
        """,
        None,
    ),
)

THING_UNPLACED = kind(
    "thing without a place",
    "places",
    """
    The {thing} needs to be repaired.
    A new {thing} was bought.
    {who} cleaned the {thing}.
    The {thing} is older than anyone remembers.
    Take good care of the {thing}.
    {who} asked about the {thing}.
    The {thing} is no longer complete.
    Nobody has used the {thing} for {tenure}.
    The {thing} was much admired.
    {who} could not do without the {thing}.
    The {thing} is not a toy.
    We are proud of the {thing}.
    """,
    ask(
        """
        Where is the {thing}?
        Where is the {thing} kept?
        Where can one find the {thing}?
        """,
        None,
    ),
    ask(
        """
        Who borrowed the {thing}?
        What did the {thing} cost?
        Who owns the {thing}?
        """,
        None,
    ),
)

RULE_UNSETTLED = kind(
    "unsettled rule",
    "rules",
    """
    Some have asked whether {actors} may {act}.
    Whether {actors} should be allowed to {act} will be discussed.
    {who} wanted to know if {actors} may {act}.
    The question whether {actors} may {act} was left open.
    There were different opinions on whether {actors} should {act}.
    {who} once saw {actors} {act}.
    We shall say another time whether {actors} may {act}.
    {act:ing} was mentioned, but nothing was decided.
    {who} has written to us about {act:ing}.
    A vote on {act:ing} by {actors} was put off.
    {act:ing} is a matter that {who} would like to discuss.
    It is still unclear if {actors} can {act}.
    """,
    ask(MAY, None, "act"),
    ask(MAY_ANYBODY, None),
)

REASON_UNSAID = kind(
    "unexplained event",
    "reasons",
    """
    {outcome}.
    {outcome}, as {who} reported.
    {outcome}, to everyone's surprise.
    {outcome} in {year}.
    {outcome}, and nobody said why.
    At last {outcome}.
    {outcome} on {date}.
    {who} was the first to hear that {outcome}.
    It is true that {outcome}.
    {outcome} once again.
    We regret that {outcome}.
    When {outcome}, {who} was away.
    """,
    ask(
        """
        Why {outcome.aux} {outcome.subject} {outcome.rest}?
        For what reason {outcome.aux} {outcome.subject} {outcome.rest}?
        What is the reason why {outcome}?
        """,
        None,
        "outcome",
    ),
)

TASK_UNDATED = kind(
    "task without a deadline",
    "dates",
    """
    Do not forget to {task}.
    {who} was the first to {task}.
    Some people still have to {task}.
    It is easy to {task}.
    The form to {task} is on the table.
    {who} showed us how to {task}.
    It is necessary to {task}.
    Those who {task} help us all.
    {who} had forgotten to {task}.
    You will be told when to {task}.
    Few people remembered to {task}.
    Ask {who} if you do not know how to {task}.
    """,
    ask(
        """
        By when must one {task}?
        What is the deadline to {task}?
        Until when can one {task}?
        What is the last day to {task}?
        """,
        None,
    ),
)
