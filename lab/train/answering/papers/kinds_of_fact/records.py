"""Facts about people in records: loans, motions, prizes, certificates, contacts and letters."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, kind

LOAN = kind(
    "loan",
    "people",
    """
    {who} lent the {thing} to {who2}.
    {who2} borrowed the {thing} from {who}.
    The {thing} belongs to {who}, but {who2} has it at present.
    {who2} has still not returned the {thing} to {who}.
    {who} let {who2} have the {thing}.
    The {thing} was lent by {who} to {who2}.
    {thing}: owner {who}, borrower {who2}
    On {date} {who2} took the {thing} that belongs to {who}.
    {who} gave {who2} the {thing} on loan.
    With thanks to {who} for the {thing}, which {who2} is using.
    It was {who} who owned the {thing} and {who2} who borrowed it.
    {who2} promised {who}, who owns it, to bring back the {thing}.
    """,
    ask(
        """
        Who borrowed the {thing}?
        Who has the {thing} at present?
        To whom was the {thing} lent?
        """,
        "{who2}",
    ),
    ask(
        """
        Who lent the {thing}?
        Who owns the {thing}?
        To whom does the {thing} belong?
        """,
        "{who}",
    ),
    ask(
        """
        What did {who2} borrow?
        What was lent to {who2}?
        """,
        "the {thing}",
    ),
)

MOTION = kind(
    "motion",
    "figures",
    """
    {who} proposed to {motion}; {who2} seconded, and it was carried by {n} votes to {n2}.
    The motion to {motion}, moved by {who} and seconded by {who2}, passed by {n} to {n2}.
    On the proposal of {who}, seconded by {who2}, it was agreed by {n} votes to {n2} to {motion}.
    {who} moved that we {motion}. {who2} seconded. For: {n}. Against: {n2}.
    With {n} votes for and {n2} against, {who}'s motion to {motion}, seconded by {who2}, passed.
    To {motion}: proposed by {who}, seconded by {who2}, {n} in favour, {n2} against.
    It was {who} who proposed to {motion}, {who2} who seconded; {n} voted for it, {n2} against.
    After {who} had proposed and {who2} had seconded it, we voted by {n} to {n2} to {motion}.
    {who} put forward a motion to {motion}; {who2} supported it, {n} agreed and {n2} did not.
    {n} members against {n2} followed {who}, whose motion, seconded by {who2}, was to {motion}.
    By {n} votes to {n2} it was resolved to {motion} (proposed: {who}; seconded: {who2}).
    {who} suggested that we {motion}. Seconded by {who2}; carried, {n} to {n2}.
    """,
    ask(
        """
        Who proposed to {motion}?
        Who moved the motion to {motion}?
        Whose idea was it to {motion}?
        """,
        "{who}",
    ),
    ask(
        """
        Who seconded the motion to {motion}?
        Who supported the proposal to {motion}?
        """,
        "{who2}",
    ),
    ask(
        """
        How many voted against the motion to {motion}?
        How many were against the proposal to {motion}?
        """,
        "{n2}",
    ),
    ask(
        """
        How many voted for the motion to {motion}?
        How many were in favour of the proposal to {motion}?
        """,
        "{n}",
    ),
)

PRIZE = kind(
    "prizes",
    "people",
    """
    In the {contest}, {who} won first prize, {who2} came second and {who3} third.
    The winner of the {contest} is {who}, followed by {who2} and {who3}.
    {contest}: 1. {who}, 2. {who2}, 3. {who3}
    First in the {contest} was {who}; second was {who2}, third {who3}.
    {who} beat {who2} in the {contest}, and {who3} took the third place.
    {who2} came second in the {contest} behind {who}, with {who3} in third place.
    Third prize in the {contest} went to {who3}, second to {who2} and first to {who}.
    Gold in the {contest} for {who}, silver for {who2} and bronze for {who3}.
    Nobody could beat {who} in the {contest}; {who2} was second and {who3} third.
    The {contest} ended with {who} ahead of {who2} and {who3}.
    {who} took the {contest} by a wide margin, {who2} the second place, {who3} the third.
    The judges of the {contest} put {who} first, {who2} second and {who3} third.
    """,
    ask(
        """
        Who won the {contest}?
        Who came first in the {contest}?
        Who got first prize in the {contest}?
        """,
        "{who}",
    ),
    ask(
        """
        Who came second in the {contest}?
        Who took second place in the {contest}?
        """,
        "{who2}",
    ),
    ask(
        """
        Who came third in the {contest}?
        Who got third prize in the {contest}?
        """,
        "{who3}",
    ),
    ask(
        """
        Did {who2} win the {contest}?
        Did {who3} win the {contest}?
        """,
        "No, {who}",
        "contest",
    ),
)

CERTIFICATE = kind(
    "certificate",
    "people",
    """
    This is to certify that {who} has passed the {course} taught by {who2} on {date}.
    {who} completed the {course} under {who2} on {date}.
    On {date}, {who} finished the {course}; the teacher was {who2}.
    {who2} hereby confirms that {who} passed the {course} on {date}.
    {who2}, as teacher, and {who}, as pupil, ended the {course} on {date}.
    {course}: passed by {who} on {date}; teacher: {who2}
    We confirm that {who} attended the {course} held by {who2} until {date}.
    The {course}, taught by {who2}, was completed by {who} on {date}.
    Awarded to {who} for the {course}, which {who2} taught, on {date}.
    Having attended the {course} with {who2}, {who} passed the test on {date}.
    {who} is entitled from {date} to say that {who.she} has passed {who2}'s {course}.
    Under the guidance of {who2}, {who} took the {course} and passed on {date}.
    """,
    ask(
        """
        Who passed the {course}?
        Who completed the {course}?
        To whom was the certificate for the {course} given?
        """,
        "{who}",
    ),
    ask(
        """
        Who taught the {course}?
        Who was the teacher of the {course}?
        Who gave the {course}?
        """,
        "{who2}",
    ),
    ask(
        """
        When was the {course} completed?
        On what date did {who} finish the {course}?
        """,
        "{date}",
        "course",
    ),
    ask(
        """
        What did {who} pass?
        Which course did {who} complete?
        """,
        "the {course}",
    ),
)

CONTACT = kind(
    "contact",
    "people",
    """
    For {topic}, call {who} on {phone}.
    {topic}: {who}, {phone}
    {who} answers questions about {topic} ({phone}).
    If you need help with {topic}, ring {who}, {phone}.
    Anything to do with {topic}? {who} is at {phone}.
    Under {phone} you reach {who}, who deals with {topic}.
    {who} ({phone}) is the person to ask about {topic}.
    About {topic}, please speak to {who}, telephone {phone}.
    {who}, telephone {phone}, looks after {topic}.
    Ring {phone} and ask for {who} if it is about {topic}.
    Contact for {topic}: {who}, extension {phone}
    You can talk to {who} about {topic}; the number is {phone}.
    """,
    ask(
        """
        Whom should one call about {topic}?
        Who answers questions about {topic}?
        Who deals with {topic}?
        Who do I call about {topic}?
        Who should I ask about {topic}?
        """,
        "{who}",
    ),
    ask(
        """
        What number should one call about {topic}?
        Which number is for {topic}?
        """,
        "{phone}",
    ),
    ask(
        """
        What is {who}'s telephone number?
        On what number can {who} be reached?
        """,
        "{phone}",
    ),
)

LETTER_FROM = kind(
    "writer of the letter",
    "people",
    """
    Yours sincerely,\\n{who}
    With kind regards,\\n{who}
    Yours faithfully,\\n{who}
    With best wishes from {who}
    Signed: {who}
    Your old friend\\n{who}
    Love,\\n{who}
    Respectfully yours, {who}
    In haste, {who}
    (signed) {who}
    Written by my own hand, {who}
    Yours ever, {who}
    """,
    ask(
        """
        Who wrote the letter?
        Who signed the letter?
        Who is the letter from?
        What is the name of the person who wrote the letter?
        """,
        "{who}",
    ),
)

LETTER_TO = kind(
    "receiver of the letter",
    "people",
    """
    Dear {who},
    My dear {who},
    To {who}
    For the attention of {who}
    {who}, {home}
    Dear {who}, thank you for your letter of {date}.
    To be handed to {who} in person
    Good morning, {who},
    Addressed to {who}
    My dearest {who}, at last I find the time to write.
    Hello {who},
    {who}, I hope that this finds you well.
    """,
    ask(
        """
        To whom is the letter addressed?
        Who is the letter to?
        To whom was the letter written?
        Who was to receive the letter?
        """,
        "{who}",
    ),
)
