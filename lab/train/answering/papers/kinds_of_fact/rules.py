"""Facts about rules: permissions, prohibitions, exceptions, conditions, consequences, meanings."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, kind

MAY = """
May {actors} {act}?
Are {actors} allowed to {act}?
Can {actors} {act}?
Is it permitted for {actors} to {act}?
Do {actors} have permission to {act}?
Could {actors} {act}?
Is it OK for {actors} to {act}?
We are {actors}: can we {act}?
Would {actors} be allowed to {act}?
As to {actors}, may they {act}?
"""
MAY_ANYBODY = """
May one {act}?
Is it allowed to {act}?
Is {act:ing} permitted?
Can people {act}?
Am I allowed to {act}?
Can I {act}?
Is it OK to {act}?
Is it all right if we {act}?
I would like to {act}. Is that allowed?
"""
IS_FORBIDDEN = """
Is {act:ing} forbidden?
Is it forbidden to {act}?
Is it against the rules to {act}?
"""

MAY_IF = kind(
    "permission under a condition",
    "rules",
    """
    {actors} may {act} {proviso}.
    {proviso}, {actors} may {act}.
    {actors} are allowed to {act} {proviso}.
    It is permitted for {actors} to {act} {proviso}.
    {actors} can {act}, but only {proviso}.
    Only {proviso} may {actors} {act}.
    {act:ing} is allowed {proviso}; this goes for all {actors}.
    We let {actors} {act} {proviso}.
    {actors} are free to {act} {proviso}.
    Nothing stops {actors} from {act:ing} {proviso}.
    There is no objection to {actors} who {act} {proviso}.
    {actors} who wish to {act} may do so {proviso}.
    Permission to {act} is given to {actors} {proviso}.
    {actors}: {act:ing} is fine {proviso}
    """,
    ask(MAY, "Yes, {proviso}", "act"),
    ask(
        """
        On what condition may {actors} {act}?
        Under what condition are {actors} allowed to {act}?
        What is the condition for {actors} who want to {act}?
        """,
        "{proviso}",
        "act",
    ),
)

MAY_FREELY = kind(
    "permission",
    "rules",
    """
    {actors} may {act}.
    {actors} are allowed to {act}.
    {actors} may {act} whenever they like.
    It is permitted for {actors} to {act}.
    There is nothing to stop {actors} from {act:ing}.
    {actors} have the right to {act}.
    {actors} are welcome to {act}.
    {actors} do not need permission to {act}.
    {actors} can {act} at any time.
    {act:ing} is something that {actors} may do.
    {actors}: {act:ing} is allowed
    Nobody minds if {actors} {act}.
    {actors} who want to {act} need not ask.
    """,
    ask(MAY, "Yes", "act"),
)

MUST_NOT = kind(
    "prohibition",
    "rules",
    """
    It is forbidden to {act}.
    {act:ing} is not allowed.
    Nobody may {act}.
    No one is permitted to {act}.
    Please do not {act}.
    {act:ing}: not permitted
    {act:ing} is strictly forbidden.
    You must not {act}.
    We cannot allow anybody to {act}.
    {act:ing} is against the rules.
    Under no circumstances may anyone {act}.
    People are not allowed to {act}.
    Whatever the reason, it is prohibited to {act}.
    """,
    ask(MAY_ANYBODY, "No"),
    ask(IS_FORBIDDEN, "Yes"),
)

MUST_NOT_EXCEPT = kind(
    "prohibition with an exception",
    "rules",
    """
    It is forbidden to {act}, {exception}.
    {act:ing} is not allowed {exception}.
    Nobody may {act} {exception}.
    {exception}, no one is permitted to {act}.
    Please do not {act} {exception}.
    {act:ing}: not permitted {exception}
    You must not {act} {exception}.
    {exception}, {act:ing} is against the rules.
    The rule against {act:ing} holds {exception}.
    No one may {act}, {exception}.
    We cannot allow anybody to {act} {exception}.
    As a rule it is prohibited to {act} {exception}.
    """,
    ask(MAY_ANYBODY, "No, {exception}"),
    ask(
        """
        What is the exception to the rule against {act:ing}?
        When is it all the same allowed to {act}?
        Is there an exception to the ban on {act:ing}?
        """,
        "{exception}",
    ),
)

SIDE_MAY = """
May the {side} {act}?
Is the {side} allowed to {act}?
Can the {side} {act}?
Is the {side} entitled to {act}?
Does the {side} have the right to {act}?
"""

SIDE_MAY_IF = kind(
    "permission of a party",
    "rules",
    """
    The {side} may {act} {proviso}.
    {proviso}, the {side} may {act}.
    The {side} is allowed to {act} {proviso}.
    The {side} can {act}, but only {proviso}.
    {act:ing} is open to the {side} {proviso}.
    The {side} is entitled to {act} {proviso}.
    Only {proviso} may the {side} {act}.
    It is agreed that the {side} may {act} {proviso}.
    The {side} has the right to {act} {proviso}.
    If the {side} wishes to {act}, this is allowed {proviso}.
    {act:ing} by the {side} is permitted {proviso}.
    Nothing in this paper keeps the {side} from {act:ing} {proviso}.
    """,
    ask(SIDE_MAY, "Yes, {proviso}", "act"),
    ask(
        """
        On what condition may the {side} {act}?
        Under what condition is the {side} allowed to {act}?
        """,
        "{proviso}",
        "act",
    ),
)

SIDE_MUST_NOT = kind(
    "prohibition for a party",
    "rules",
    """
    The {side} may not {act}.
    The {side} is not allowed to {act}.
    The {side} must not {act}.
    The {side} shall not {act}.
    {act:ing} is not permitted to the {side}.
    The {side} has no right to {act}.
    It is agreed that the {side} does not {act}.
    The {side} agrees not to {act}.
    The {side} is not entitled to {act}.
    Under no circumstances may the {side} {act}.
    {act:ing} by the {side} is a breach of this paper.
    The {side} undertakes never to {act}.
    """,
    ask(SIDE_MAY, "No", "act"),
)

SIDE_MUST_NOT_EXCEPT = kind(
    "prohibition for a party with an exception",
    "rules",
    """
    The {side} may not {act} {exception}.
    The {side} is not allowed to {act} {exception}.
    The {side} must not {act} {exception}.
    {exception}, the {side} shall not {act}.
    The {side} has no right to {act} {exception}.
    {act:ing} is not permitted to the {side} {exception}.
    The {side} agrees not to {act} {exception}.
    It is agreed that the {side} may not {act}, {exception}.
    {exception}, the {side} is not entitled to {act}.
    {act:ing} by the {side} is forbidden {exception}.
    The {side} undertakes not to {act} {exception}.
    The {side} cannot {act}, {exception}.
    """,
    ask(SIDE_MAY, "No, {exception}", "act"),
)

ONLY_SOME = kind(
    "permission for some",
    "rules",
    """
    Only {actors} may {act}; {actors2} may not.
    {actors} may {act}, but {actors2} may not.
    {actors2} are not allowed to {act}, {actors} are.
    While {actors} may {act}, this is forbidden to {actors2}.
    {act:ing} is for {actors}, not for {actors2}.
    {act:ing} is reserved for {actors}; {actors2} are excluded.
    {actors}, unlike {actors2}, are allowed to {act}.
    Not {actors2} but {actors} have the right to {act}.
    {act:ing}: {actors} yes, {actors2} no
    The right to {act} belongs to {actors} and does not extend to {actors2}.
    We allow {actors} to {act}. We do not allow this to {actors2}.
    {actors} can {act}; {actors2} must not.
    """,
    ask(MAY, "Yes", "act"),
    ask(MAY.replace("{actors}", "{actors2}"), "No, only {actors}", "act"),
    ask(
        """
        Who may {act}?
        Who is allowed to {act}?
        Who has the right to {act}?
        """,
        "{actors}",
        "act",
    ),
    ask(
        """
        Who may not {act}?
        Who is not allowed to {act}?
        """,
        "{actors2}",
        "act",
    ),
)

MUST = kind(
    "duty for all",
    "rules",
    """
    {actors} must {task} {when}.
    {actors} have to {task} {when}.
    {when}, {actors} must {task}.
    It is the duty of {actors} to {task} {when}.
    {actors} are required to {task} {when}.
    We expect {actors} to {task} {when}.
    {actors}: please {task} {when}
    {when}, it falls to {actors} to {task}.
    {actors} are asked to {task} {when}.
    No one but {actors} has to {task}, and it must be done {when}.
    All {actors} shall {task} {when}.
    {actors} promise to {task} {when}.
    """,
    ask(
        """
        Who must {task}?
        Who has to {task}?
        Who is required to {task}?
        """,
        "{actors}",
        "task",
    ),
    ask(
        """
        When must {actors} {task}?
        When do {actors} have to {task}?
        When are {actors} required to {task}?
        """,
        "{when}",
        "task",
    ),
    ask(
        """
        Do {actors} have to {task}?
        Must {actors} {task}?
        Are {actors} obliged to {task}?
        Do {actors} need to {task}?
        Is it necessary for {actors} to {task}?
        We are {actors}: do we have to {task}?
        """,
        "Yes, {when}",
        "task",
    ),
)

MEANING = kind(
    "definition",
    "meanings",
    """
    "{term.one}" means {term.two}.
    By "{term.one}" we mean {term.two}.
    "{term.one}" stands for {term.two}.
    {term.one}: {term.two}
    In this paper, "{term.one}" is to be understood as {term.two}.
    The words "{term.one}" refer to {term.two}.
    {term.two}: this is what is called "{term.one}" here.
    When we speak of "{term.one}", we think of {term.two}.
    "{term.one}" is our name for {term.two}.
    Here, {term.two} is called "{term.one}".
    We use the expression "{term.one}" for {term.two}.
    The term "{term.one}" covers {term.two}.
    """,
    ask(
        """
        What does "{term.one}" mean?
        What is meant by "{term.one}"?
        How is "{term.one}" defined?
        What does the expression "{term.one}" refer to?
        What is the meaning of {term.one}?
        """,
        "{term.two}",
    ),
)

CONSEQUENCE = kind(
    "consequence",
    "rules",
    """
    If {hazard.one}, {hazard.two}.
    {hazard.two} if {hazard.one}.
    When {hazard.one}, {hazard.two}.
    Should it happen that {hazard.one}, {hazard.two}.
    In case {hazard.one}, {hazard.two}.
    Where {hazard.one}, {hazard.two}.
    As soon as {hazard.one}, {hazard.two}.
    {hazard.two} whenever {hazard.one}.
    Suppose {hazard.one}: then {hazard.two}.
    In the event that {hazard.one}, {hazard.two}.
    {hazard.two}, provided that {hazard.one}.
    What if {hazard.one}? Then {hazard.two}.
    """,
    ask(
        """
        What happens if {hazard.one}?
        What happens when {hazard.one}?
        What is the consequence if {hazard.one}?
        What if {hazard.one}?
        """,
        "{hazard.two}",
    ),
)
