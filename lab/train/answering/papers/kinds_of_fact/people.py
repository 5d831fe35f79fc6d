"""Facts about people: their offices, parties, deputies, families, parts and duties."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, each, kind

WHO_IS = """
Who is the {role}?
What is the {role}'s name?
What is the name of the {role}?
Who is named as {role}?
Which person is the {role}?
Who serves as {role}?
Can you tell me who the {role} is?
The name of the {role}?
Do you know the name of the {role}?
Who acts as {role}?
Who's the {role}?
Which name is given for the {role}?
Who do we have as {role}?
"""
WHAT_OFFICE = """
What is {who}'s role?
What position does {who} hold?
In what capacity is {who} named?
What post does {who} hold?
As what is {who} named?
"""

ROLE = kind(
    "role",
    "people",
    """
    The {role} is {who}.
    {who} is the {role}.
    {role}: {who}
    {who} serves as {role}.
    Our {role} this year is {who}.
    The post of {role} is held by {who}.
    As {role}, {who} will be glad to help.
    {who} works here as {role}.
    We are pleased that {who} has agreed to be our {role}.
    {who} ({role})
    The office of {role} went to {who}.
    For the time being, the {role} is {who}.
    {who} was chosen as {role}.
    It is {who} who acts as {role}.
    {who} has been the {role} for {tenure}.
    Since {year}, the {role} has been {who}.
    """,
    ask(WHO_IS, "{who}"),
    ask(WHAT_OFFICE, "{role}"),
    ask(
        """
        Is {other} the {role}?
        Is the {role} {other}?
        Is {other} named as {role}?
        """,
        "No, {who}",
        "role",
    ),
    ask(
        """
        Is {who} the {role}?
        Is the {role} called {who}?
        Is {who} named as {role}?
        """,
        "Yes",
        "role",
    ),
)

ROLE_DEED = kind(
    "role and deed",
    "people",
    """
    {who}, the {role}, {deed}.
    The {role}, {who}, {deed}.
    {who}, who is the {role}, {deed}.
    {who}, our {role}, {deed}.
    {who} {deed} in {who.her} capacity as {role}.
    It was the {role}, {who}, who {deed}.
    The {role}, a certain {who}, {deed}.
    {who} (the {role}) {deed}.
    {deed}: {who}, {role}
    As everyone knows, {who}, the {role}, {deed}.
    {who}, {role} for {tenure}, {deed}.
    {who}, still the {role}, {deed}.
    Then the {role}, whose name is {who}, {deed}.
    {who} - {who.she} is the {role} - {deed}.
    """,
    ask(WHO_IS, "{who}"),
    ask(
        """
        Who {deed}?
        Which person {deed}?
        Who was it that {deed}?
        What is the name of the person who {deed}?
        """,
        "{who}",
    ),
    ask(WHAT_OFFICE, "{role}"),
)

ROLE_LIST = kind(
    "list of offices",
    "people",
    """
    {who} ({role}), {who2} ({role2}), {who3} ({role3})
    {who}, {role}; {who2}, {role2}; {who3}, {role3}.
    {role}: {who}; {role2}: {who2}; {role3}: {who3}
    The {role} is {who}, the {role2} is {who2} and the {role3} is {who3}.
    Present: {who}, {role}, {who2}, {role2}, and {who3}, {role3}.
    {who} was elected {role}, {who2} {role2} and {who3} {role3}.
    {role} {who}, {role2} {who2} and {role3} {who3} signed the list.
    {role} - {who}\\n{role2} - {who2}\\n{role3} - {who3}
    {who} as {role}, {who2} as {role2}, {who3} as {role3}.
    {who}: {role}\\n{who2}: {role2}\\n{who3}: {role3}
    Thanks are due to {who}, the {role}, to {who2}, the {role2}, and to {who3}, the {role3}.
    While {who} is the {role}, the {role2} is {who2}; {who3} remains {role3}.
    We have {role:a} ({who}), {role2:a} called {who2}, and {who3} is the {role3}.
    The {role}, the {role2} and the {role3} are {who}, {who2} and {who3}, in that order.
    """,
    *each(3, WHO_IS, "{who}"),
    *each(3, WHAT_OFFICE, "{role}"),
)

OFFICE_OF = """
Who is {office} of the {body}?
What is the name of the {office} of the {body}?
Who is the {office} for the {body}?
Which person is {office} of the {body}?
What is the {body}'s {office} called?
"""

ROLE_BODIES = kind(
    "one office in several bodies",
    "people",
    """
    {who} is {office} of the {body}, {who2} of the {body2}.
    The {office} of the {body} is {who}; that of the {body2} is {who2}.
    {office} of the {body}: {who}; {office} of the {body2}: {who2}
    For the {body}, {who} will be the {office}, for the {body2} it will be {who2}.
    {who} takes over as {office} of the {body}, and {who2} stays {office} of the {body2}.
    The {body} has {who} as its {office}, the {body2} has {who2}.
    There are two people with the title {office}: {who} ({body}) and {who2} ({body2}).
    {who} ({office}, {body}) and {who2} ({office}, {body2}) came together.
    While the {body} has chosen {who} as {office}, the {body2} prefers {who2}.
    The {office} {who} speaks for the {body} and the {office} {who2} for the {body2}.
    {body}: {office} {who}\\n{body2}: {office} {who2}
    The {office} of the {body2} is not {who}, who is {office} of the {body}, but {who2}.
    """,
    ask(OFFICE_OF, "{who}", "body"),
    ask(OFFICE_OF.replace("{body}", "{body2}"), "{who2}", "body2"),
)

PARTIES = kind(
    "parties",
    "people",
    """
    Between {who} (hereafter called the {pair.one}) and {who2} (hereafter called the {pair.two}).
    {who}, hereafter "the {pair.one}", and {who2}, hereafter "the {pair.two}", agree as follows.
    This is agreed by {who} of {home}, the {pair.one}, and {who2} of {home2}, the {pair.two}.
    {who} is the {pair.one} and {who2} the {pair.two}.
    The {pair.one} is {who}, resident at {home}; the {pair.two} is {who2}, resident at {home2}.
    {pair.one}: {who}, {home}\\n{pair.two}: {who2}, {home2}
    {who} ("the {pair.one}") and {who2} ("the {pair.two}") sign this of their own free will.
    In what follows, {who} is called the {pair.one}, {who2} the {pair.two}.
    The {pair.one}, {who}, and the {pair.two}, {who2}, have read every page.
    By this paper {who}, as {pair.one}, and {who2}, as {pair.two}, bind themselves.
    {who2} (in this paper the {pair.two}) and {who} (in this paper the {pair.one}) have agreed.
    Whereas {who} acts as {pair.one} and {who2} as {pair.two}, the following is set down.
    The name {who} stands for the {pair.one}, the name {who2} for the {pair.two}.
    {pair.one} {who} and {pair.two} {who2} met on {date} to sign.
    """,
    ask(WHO_IS.replace("{role}", "{pair.one}"), "{who}"),
    ask(WHO_IS.replace("{role}", "{pair.two}"), "{who2}"),
    ask(
        """
        Is {who} the {pair.one} or the {pair.two}?
        Which party is {who}, {pair.one} or {pair.two}?
        """,
        "the {pair.one}",
        "who",
    ),
    ask(
        """
        Is {who2} the {pair.two}?
        Is the {pair.two} {who2}?
        """,
        "Yes",
        "pair",
    ),
    ask(
        """
        Is {who} the {pair.two}?
        Is the {pair.two} {who}?
        """,
        "No, {who2}",
        "pair",
    ),
)

ON_BEHALF = kind(
    "acting for someone",
    "people",
    """
    {who} {signing} on behalf of {who2}.
    {who2}, represented by {who}, {signing}.
    Acting for {who2}, {who} {signing}.
    {who} {signing} in the name of {who2}.
    {who2} could not come, so {who} {signing} for {who2.her} part.
    For {who2}, who was abroad, {who} {signing}.
    {who}, with a power of attorney from {who2}, {signing}.
    {who} {signing}, though not for {who.herself} but for {who2}.
    At the request of {who2}, {who} {signing}.
    {who} {signing} as the agent of {who2}.
    {who2} had asked {who} to speak for {who2.her} side, and so {who} {signing}.
    In place of {who2}, it was {who} who {signing}.
    {who} {signing} (for {who2})
    """,
    ask(
        """
        Who {signing}?
        Which person {signing}?
        Who was it that {signing}?
        """,
        "{who}",
    ),
    ask(
        """
        Who acted for {who2}?
        Who represented {who2}?
        Who acted on {who2}'s behalf?
        """,
        "{who}",
    ),
    ask(
        """
        On whose behalf did {who} act?
        For whom did {who} act?
        Whom did {who} represent?
        """,
        "{who2}",
    ),
)

DEPUTY = kind(
    "deputy",
    "people",
    """
    When the {role}, {who}, is away, {who2} stands in.
    {who2} is the deputy of the {role}, {who}.
    If {who} is ill, {who2} takes over as {role}.
    The {role} is {who}; {who2} is the substitute.
    {role}: {who} (substitute: {who2})
    {who} is the {role}, with {who2} as deputy.
    {who2} stands in for {who}, the {role}, during the holidays.
    In the absence of {who}, {who2} does the work of the {role}.
    {who2} replaces the {role}, {who}, in an emergency.
    Should {who}, the {role}, be unable to come, {who2} will take over.
    Deputy {role}: {who2}. The {role} is {who}.
    {who}, the {role}, is on leave until {date}; until then {who2} stands in.
    Whenever {who} cannot come, the duties of {role} fall to {who2}.
    """,
    ask(
        """
        Who stands in for the {role}?
        Who takes over if the {role} is away?
        Who is the deputy of the {role}?
        Who replaces the {role}?
        Who is the {role}'s substitute?
        Who does the {role}'s work when needed?
        """,
        "{who2}",
    ),
    ask(
        """
        For whom does {who2} stand in?
        Whom does {who2} replace?
        Whose substitute is {who2}?
        """,
        "{who}",
    ),
    ask(
        """
        Who is the {role}?
        Who is the regular {role}?
        What is the {role}'s name?
        Who normally does the work of the {role}?
        """,
        "{who}",
    ),
)

SUCCESSION = kind(
    "succession",
    "people",
    """
    {who} succeeded {who2} as {role} in {year}.
    {who2} was the {role} until {year}, when {who} took over.
    In {year}, {who} followed {who2} as {role}.
    {who2} handed over the office of {role} to {who} in {year}.
    The {role} is {who}, no longer {who2}, who left in {year}.
    {who} became {role} in {year} after {who2} had resigned.
    The former {role}, {who2}, was replaced by {who} in {year}.
    {role} until {year}: {who2}; since then: {who}
    After {who2} retired in {year}, {who} was made {role}.
    {year} saw {who2} step down and {who} step up as {role}.
    {who} is the new {role}; {who2} had held the post up to {year}.
    Not {who2}, who gave up in {year}, but {who} is now the {role}.
    """,
    ask(
        """
        Who is the {role} now?
        Who is the {role}?
        Who is the present {role}?
        Who is the new {role}?
        """,
        "{who}",
    ),
    ask(
        """
        Who was the {role} before?
        Who was the {role} until {year}?
        Who is the former {role}?
        Who was the previous {role}?
        """,
        "{who2}",
        "role",
    ),
    ask(
        """
        When did {who} become {role}?
        In which year did {who} become {role}?
        Since when has {who} been the {role}?
        """,
        "in {year}",
        "who",
    ),
    ask(
        """
        Whom did {who} succeed?
        Whose successor is {who}?
        """,
        "{who2}",
    ),
)

NOT_BUT = kind(
    "not to X but to Y",
    "people",
    """
    Questions about {topic} go not to {who2} but to {who}.
    For {topic}, please turn to {who}, not to {who2}.
    {who}, and no longer {who2}, deals with {topic}.
    Anything about {topic} should be sent to {who} and not to {who2}.
    It is not {who2} but {who} who is in charge of {topic}.
    Do not write to {who2} about {topic}; write to {who}.
    {who2} does not answer questions about {topic}; {who} does.
    Instead of {who2}, {who} now looks after {topic}.
    Please do not ask {who2} about {topic}, for that is {who}'s job.
    {topic}: {who} (not {who2})
    Contrary to what was printed, {who} rather than {who2} is responsible for {topic}.
    Whoever has a question about {topic} should see {who}; {who2} cannot help.
    Unlike last year, {who} takes care of {topic}, no longer {who2}.
    """,
    ask(
        """
        Who is responsible for {topic}?
        To whom should one write about {topic}?
        Whom should I ask about {topic}?
        Who deals with {topic}?
        Who is in charge of {topic}?
        Who should I ask about {topic}?
        Who do I talk to about {topic}?
        """,
        "{who}",
    ),
    ask(
        """
        Is {who2} responsible for {topic}?
        Should I ask {who2} about {topic}?
        Does {who2} deal with {topic}?
        """,
        "No, {who}",
        "topic",
    ),
    ask(
        """
        Is {who} responsible for {topic}?
        Should I ask {who} about {topic}?
        Does {who} deal with {topic}?
        """,
        "Yes",
        "topic",
    ),
)
