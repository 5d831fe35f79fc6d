"""Facts about people: addresses, duties, rosters, relatives, bequests and parts in a play."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, each, kind
from lab.train.answering.papers.kinds_of_fact.people import WHO_IS

WHO_DOES = """
Who has to {duty}?
Whose job is it to {duty}?
Who is to {duty}?
Who will {duty}?
Which person is asked to {duty}?
"""

LIVES = kind(
    "address of a party",
    "places",
    """
    {who}, {role}, lives at {home}.
    The {role}, {who}, can be reached at {home}.
    The address of {who} ({role}) is {home}.
    {who} ({role}), {home}
    Letters for {who}, the {role}, go to {home}.
    {home} is where {who}, the {role}, lives.
    {who} has moved to {home}; {who.she} is still the {role}.
    Post for {who} should be sent to {home}, where the {role} has rooms.
    {who}, whom we know as the {role}, has a house at {home}.
    The {role} gave {home} as {who.her} address and {who} as {who.her} name.
    Anyone looking for {who}, the {role}, will find {who.her} door at {home}.
    The {role}'s house, where {who} has lived for {tenure}, is {home}.
    """,
    ask(WHO_IS, "{who}"),
    ask(
        """
        Where does the {role} live?
        What is the {role}'s address?
        What is the address of the {role}?
        At which address does the {role} live?
        """,
        "{home}",
    ),
    ask(
        """
        Where does {who} live?
        What is the address of {who}?
        """,
        "{home}",
    ),
    ask(
        """
        Who lives at {home}?
        Whose address is {home}?
        """,
        "{who}",
    ),
)

DUTY = kind(
    "duty",
    "people",
    """
    {who} will {duty}.
    It is {who}'s job to {duty}.
    {who} has offered to {duty}.
    To {duty} is the task of {who}.
    {duty}: {who}
    {who} was asked to {duty}.
    This month it is {who} who has to {duty}.
    We agreed that {who} is to {duty}.
    {who} - {duty}
    {who} undertakes to {duty}.
    Nobody but {who} is to {duty}.
    The job to {duty} has been given to {who}.
    {who} is the one who has to {duty}.
    """,
    ask(WHO_DOES, "{who}"),
    ask(
        """
        What is {who}'s task?
        What does {who} have to do?
        What is {who} to do?
        Which task was given to {who}?
        """,
        "{duty}",
    ),
)

ROSTER = kind(
    "roster",
    "people",
    """
    {day}: {who}\\n{day2}: {who2}\\n{day3}: {who3}
    {who} is on duty on {day}, {who2} on {day2} and {who3} on {day3}.
    On {day} it is {who}'s turn, on {day2} {who2}'s and on {day3} {who3}'s.
    {who} ({day}), {who2} ({day2}), {who3} ({day3})
    {day} {who}, {day2} {who2}, {day3} {who3}.
    The shift on {day} goes to {who}, that on {day2} to {who2}, that on {day3} to {who3}.
    {who} has {day}, {who2} has {day2} and {who3} has {day3}.
    {day} belongs to {who}; {who2} comes on {day2}, {who3} on {day3}.
    {who} opens up on {day}, {who2} does so on {day2} and {who3} on {day3}.
    For {day} we have {who}, for {day2} {who2} and for {day3} {who3}.
    {day} - {who}; {day2} - {who2}; {day3} - {who3}
    {who} cannot do {day2} and takes {day}; {who2} takes {day2} and {who3} {day3}.
    """,
    *each(
        3,
        """
        Who is on duty on {day}?
        Whose turn is it on {day}?
        Which person is down for {day}?
        Who comes on {day}?
        Who has the {day} shift?
        """,
        "{who}",
    ),
    *each(
        3,
        """
        On which day is it {who}'s turn?
        Which day does {who} have?
        When is {who} on duty?
        """,
        "{day}",
    ),
)

KIN_OF = """
Who is {who9}'s {kin}?
What is the name of {who9}'s {kin}?
What is {who9}'s {kin} called?
Name the {kin} of {who9}.
"""

KIN = kind(
    "relatives",
    "people",
    """
    {who9} leaves {who9.her} {kin} {who} and {who9.her} {kin2} {who2}.
    {who9} is survived by {who9.her} {kin}, {who}, and {who9.her} {kin2}, {who2}.
    {who9}'s {kin} is called {who}, {who9.her} {kin2} {who2}.
    {who}, {kin} of {who9}, sat next to {who2}, {who9.her} {kin2}.
    {who9} was looked after by {who}, {who9.her} {kin}, and later by {who2}, {who9.her} {kin2}.
    With {who9} came {who9.her} {kin} {who} and {who9.her} {kin2} {who2}.
    {who} is {who9}'s {kin} and {who2} is {who9.her} {kin2}.
    {who9}, whose {kin} is {who} and whose {kin2} is {who2}, never lived alone.
    {who9} had {kin:a} by the name of {who} and {kin2:a} by the name of {who2}.
    Neither {who}, the {kin} of {who9}, nor {who2}, {who9.her} {kin2}, could attend.
    {who9} ({kin}: {who}; {kin2}: {who2})
    To {who9}, {kin} {who} and {kin2} {who2} meant everything.
    {who9} lost {who9.her} parents early and grew up with {who9.her} {kin} {who} and {kin2} {who2}.
    """,
    ask(KIN_OF, "{who}", "kin"),
    ask(KIN_OF.replace("{kin}", "{kin2}"), "{who2}", "kin2"),
    ask(
        """
        How is {who} related to {who9}?
        What is {who} to {who9}?
        What relation is {who} to {who9}?
        """,
        "{who9.her} {kin}",
        "who",
    ),
)

BEQUEST = kind(
    "bequest",
    "people",
    """
    To my {kin} {who} I leave {heirloom}.
    I leave {heirloom} to my {kin} {who}.
    My {kin} {who} is to have {heirloom}.
    {heirloom} shall go to {who}, my {kin}.
    I give {heirloom} to {who}, my {kin}, and to nobody else.
    {who}, my {kin}, inherits {heirloom}.
    {heirloom}: to my {kin} {who}
    Let {heirloom} pass to my {kin}, {who}.
    It is my wish that {who}, my {kin}, should receive {heirloom}.
    As for {heirloom}, it is meant for {who}, my {kin}.
    My {kin}, {who}, who has always admired it, gets {heirloom}.
    I bequeath {heirloom} to {who}, who is my {kin}.
    """,
    ask(
        """
        Who gets {heirloom}?
        Who inherits {heirloom}?
        To whom does {heirloom} go?
        Who is to have {heirloom}?
        Who is left {heirloom}?
        """,
        "{who}",
    ),
    ask(
        """
        What does {who} get?
        What does {who} inherit?
        What is left to {who}?
        """,
        "{heirloom}",
    ),
    ask(
        """
        What does the {kin} inherit?
        What does the {kin} get?
        What is left to the {kin}?
        """,
        "{heirloom}",
    ),
    ask(
        """
        What is the name of the {kin}?
        Who is the {kin}?
        What is the {kin} called?
        """,
        "{who}",
    ),
)

PLAYS = """
Who plays {character}?
Who is cast as {character}?
Which performer plays {character}?
Who appears as {character}?
Who takes the part of {character}?
"""

CAST = kind(
    "cast",
    "people",
    """
    {character}: {who}\\n{character2}: {who2}\\n{character3}: {who3}
    {who} plays {character}, {who2} plays {character2} and {who3} plays {character3}.
    {character} is played by {who}, {character2} by {who2} and {character3} by {who3}.
    {who} appears as {character}, {who2} as {character2}, {who3} as {character3}.
    {character} ({who}), {character2} ({who2}), {character3} ({who3})
    We shall see {who} as {character}, {who2} as {character2} and {who3} as {character3}.
    {character} ..... {who}\\n{character2} ..... {who2}\\n{character3} ..... {who3}
    The part of {character} goes to {who}, {character2} to {who2}, {character3} to {who3}.
    {who} is {character}, {who2} is {character2} and {who3} is {character3}.
    As {character} we have {who}, as {character2} {who2} and as {character3} {who3}.
    {who}, as {character}, quarrels with {who2}, as {character2}, and {who3}, as {character3}.
    {character}, {who}; {character2}, {who2}; {character3}, {who3}.
    """,
    *each(3, PLAYS, "{who}"),
    *each(
        3,
        """
        Which part does {who} play?
        Whom does {who} play?
        What is {who}'s part?
        As whom does {who} appear?
        """,
        "{character}",
    ),
)
