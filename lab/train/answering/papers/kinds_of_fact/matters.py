"""Facts about rules that name a thing, asked about in words that the rule does not have."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, kind

CAN_I = """
Can I {matter.act}?
May I {matter.act}?
Am I allowed to {matter.act}?
Is it OK to {matter.act}?
Is it all right if I {matter.act}?
Could I {matter.act}?
Would it be possible to {matter.act}?
I would like to {matter.act}. Is that allowed?
Am I permitted to {matter.act}?
Is anyone allowed to {matter.act}?
Do the rules let me {matter.act}?
Is there anything that allows me to {matter.act}?
"""
IS_IT_FORBIDDEN = """
Is it forbidden to {matter.act}?
Is it against the rules to {matter.act}?
Would I break a rule if I {matter.act}?
Is it a problem if I {matter.act}?
"""

MATTER_MAY = kind(
    "permission in other words",
    "rules",
    """
    We allow {matter.named}.
    {matter.named}: allowed
    There is no rule against {matter.named}.
    We have nothing against {matter.named}.
    {matter.named}: yes, of course
    {matter.named} will be welcome.
    The rules permit {matter.named}.
    Nobody will object to {matter.named}.
    You need no permission for {matter.named}.
    {matter.named} can be allowed at all times.
    The ban on {matter.named} has been lifted.
    From now on we shall permit {matter.named}.
    """,
    ask(CAN_I, "Yes"),
    ask(IS_IT_FORBIDDEN, "No"),
)

MATTER_MAY_IF = kind(
    "permission in other words, under a condition",
    "rules",
    """
    We allow {matter.named} {proviso}.
    {proviso}, {matter.named} will be allowed.
    {matter.named}: only {proviso}
    {matter.named} can be allowed, but only {proviso}.
    There is no rule against {matter.named} {proviso}.
    We have nothing against {matter.named} {proviso}.
    {matter.named} will be welcome {proviso}.
    Permission for {matter.named} is given {proviso}.
    Only {proviso} do the rules permit {matter.named}.
    {matter.named} can be arranged {proviso}, not otherwise.
    {proviso}, nobody will object to {matter.named}.
    We make room for {matter.named} {proviso}.
    """,
    ask(CAN_I, "Yes, {proviso}"),
    ask(
        """
        Can I {matter.act} {proviso}?
        Am I allowed to {matter.act} {proviso}?
        Is it OK to {matter.act} {proviso}?
        """,
        "Yes",
    ),
    ask(
        """
        On what condition may I {matter.act}?
        What do I need in order to {matter.act}?
        Under what condition can one {matter.act}?
        """,
        "{proviso}",
    ),
)

MATTER_MUST_NOT = kind(
    "prohibition in other words",
    "rules",
    """
    No {matter.named}, please.
    No {matter.named}!
    {matter.named}: not allowed
    We do not allow {matter.named}.
    There is a ban on {matter.named}.
    {matter.named} cannot be allowed.
    Please do without {matter.named}.
    {matter.named} must be refused.
    The rules forbid {matter.named}.
    {matter.named} will not be tolerated.
    We have to say no to {matter.named}.
    Permission for {matter.named} is never given.
    {matter.named} would be a breach of the rules.
    """,
    ask(CAN_I, "No"),
    ask(IS_IT_FORBIDDEN, "Yes"),
)

MATTER_MUST_NOT_EXCEPT = kind(
    "prohibition in other words, with an exception",
    "rules",
    """
    No {matter.named} {exception}.
    {exception}, we do not allow {matter.named}.
    {matter.named}: not allowed {exception}
    There is a ban on {matter.named} {exception}.
    {matter.named} cannot be allowed {exception}.
    Please do without {matter.named} {exception}.
    The rules forbid {matter.named} {exception}.
    {matter.named} will not be tolerated {exception}.
    {exception}, we have to say no to {matter.named}.
    {exception}, {matter.named} would be a breach of the rules.
    Permission for {matter.named} is refused {exception}.
    We cannot have {matter.named} here {exception}.
    """,
    ask(CAN_I, "No, {exception}"),
    ask(
        """
        When may I {matter.act} all the same?
        What is the exception if I want to {matter.act}?
        """,
        "{exception}",
    ),
)

NEED_NOT = kind(
    "no duty",
    "rules",
    """
    {actors} need not {task}.
    {actors} do not have to {task}.
    It is not necessary for {actors} to {task}.
    There is no need for {actors} to {task}.
    {actors} are not obliged to {task}.
    Nobody asks {actors} to {task}.
    {actors} can choose whether they {task}.
    {actors} may {task} if they like, but need not.
    For {actors}, it is optional to {task}.
    We do not expect {actors} to {task}.
    {actors} are free not to {task}.
    Unlike everyone else, {actors} do not need to {task}.
    """,
    ask(
        """
        Do {actors} have to {task}?
        Must {actors} {task}?
        Are {actors} obliged to {task}?
        Do {actors} need to {task}?
        Is it necessary for {actors} to {task}?
        We are {actors}: do we have to {task}?
        """,
        "No",
        "task",
    ),
)
