"""Facts about events: dates, deadlines, departures, hours, order, reasons and places."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, kind

EVENT = kind(
    "event",
    "dates",
    """
    The {event} takes place on {date} at {time}.
    On {date} at {time}: {event}
    {event}: {date}, {time}
    The {event} is planned for {date} and begins at {time}.
    Please come to the {event} at {time} on {date}.
    We shall meet for the {event} on {date}; it starts at {time}.
    {date}, {time} - {event}
    The date of the {event} is {date}, the hour {time}.
    For the {event}, keep {date} free; we begin at {time}.
    At {time} on {date} we begin the {event}.
    The {event} has been fixed for {date}, starting at {time}.
    The next {event} will be on {date} ({time}).
    It is on {date} that we hold the {event}, and {time} is when it begins.
    """,
    ask(
        """
        When is the {event}?
        On what date is the {event}?
        What is the date of the {event}?
        On which day does the {event} take place?
        When does the {event} take place?
        """,
        "on {date}",
    ),
    ask(
        """
        At what time does the {event} begin?
        At what time is the {event}?
        What time does the {event} start?
        """,
        "at {time}",
    ),
    ask(
        """
        What takes place on {date}?
        What happens on {date}?
        """,
        "the {event}",
    ),
)

MOVED = kind(
    "moved event",
    "dates",
    """
    The {event} is not on {date2} but on {date}.
    The {event} has been moved from {date2} to {date}.
    Not on {date2}, as announced, but on {date} we hold the {event}.
    The {event} will be on {date} instead of {date2}.
    Please note the new date of the {event}: {date}, no longer {date2}.
    {event}: {date} (not {date2})
    Because of the holidays, the {event} was put off from {date2} to {date}.
    We had planned the {event} for {date2}, but it will be on {date}.
    {date} is the new date of the {event}, which was to have been on {date2}.
    The poster says {date2}; in fact the {event} is on {date}.
    Originally set for {date2}, the {event} now takes place on {date}.
    Strike out {date2} in your diaries: the {event} comes on {date}.
    """,
    ask(
        """
        When is the {event}?
        When does the {event} take place?
        What is the new date of the {event}?
        On what date will the {event} be held?
        """,
        "on {date}",
    ),
    ask(
        """
        When was the {event} first planned?
        What was the old date of the {event}?
        """,
        "{date2}",
    ),
    ask(
        """
        Is the {event} on {date2}?
        Does the {event} take place on {date2}?
        """,
        "No, on {date}",
        "event",
    ),
    ask(
        """
        Is the {event} on {date}?
        Does the {event} take place on {date}?
        """,
        "Yes",
        "event",
    ),
)

DEADLINE = kind(
    "deadline",
    "dates",
    """
    Please {task} by {date}.
    The last day to {task} is {date}.
    You have until {date} to {task}.
    Those who want to {task} must do so by {date}.
    Everyone has to {task} before the end of {date}.
    {date} is the deadline to {task}.
    We ask you to {task} no later than {date}.
    It is possible to {task} up to {date}.
    After {date} it will be too late to {task}.
    Do not forget to {task}: the deadline is {date}.
    To {task}, you have time until {date}.
    {task}: by {date}
    Whoever fails to {task} by {date} cannot be considered.
    """,
    ask(
        """
        By when must one {task}?
        What is the deadline to {task}?
        Until when can one {task}?
        What is the last day to {task}?
        By what date do people have to {task}?
        """,
        "{date}",
        "task",
    ),
    ask(
        """
        What must be done by {date}?
        What does one have to do by {date}?
        What is the deadline of {date} for?
        """,
        "{task}",
    ),
)

DEPARTURE = kind(
    "departure",
    "dates",
    """
    {time}: {destination}, {platform}\\n{time2}: {destination2}, {platform2}
    To {destination} at {time} from {platform}, to {destination2} at {time2} from {platform2}.
    For {destination}, leave at {time} ({platform}); for {destination2}, at {time2} ({platform2}).
    {destination}: {time}, {platform}; {destination2}: {time2}, {platform2}
    At {time} there is one to {destination} from {platform}, at {time2} to {destination2}.
    Departure for {destination} is at {time}, {platform}; for {destination2}, {time2}, {platform2}.
    From {platform} at {time} to {destination}; from {platform2} at {time2} to {destination2}.
    The {time} goes to {destination} and leaves from {platform}, the {time2} to {destination2}.
    {destination} ({time}, {platform}), {destination2} ({time2}, {platform2})
    Leave {platform} at {time} for {destination}, or {platform2} at {time2} for {destination2}.
    Those going to {destination} start at {time} from {platform}, to {destination2} at {time2}.
    Not at {time2}, which is for {destination2}, but at {time} from {platform} to {destination}.
    """,
    ask(
        """
        When is the departure for {destination}?
        At what time does one leave for {destination}?
        When does the connection to {destination} leave?
        """,
        "at {time}",
    ),
    ask(
        """
        When is the departure for {destination2}?
        At what time does one leave for {destination2}?
        When does the connection to {destination2} leave?
        """,
        "at {time2}",
    ),
    ask(
        """
        From where does one leave for {destination}?
        Where does the connection to {destination} leave from?
        """,
        "{platform}",
    ),
    ask(
        """
        Where does the {time} go?
        What is the destination of the departure at {time}?
        """,
        "{destination}",
    ),
)

HOURS = kind(
    "hours",
    "dates",
    """
    The {room} is open from {time} to {time2}.
    {room}: {time} to {time2}
    You will find the {room} open between {time} and {time2}.
    The {room} opens at {time} and closes at {time2}.
    Opening hours of the {room}: {time} to {time2}
    From {time} until {time2} someone is always at the {room}.
    The {room} closes at {time2}, having opened at {time}.
    At {time} the doors of the {room} open, and they are shut at {time2}.
    The {room} does not open before {time} or stay open after {time2}.
    {time} is when the {room} opens; it shuts at {time2}.
    Come to the {room} any time from {time} to {time2}.
    We keep the {room} open until {time2}, starting at {time}.
    """,
    ask(
        """
        When does the {room} open?
        At what time does the {room} open?
        From when is the {room} open?
        """,
        "at {time}",
    ),
    ask(
        """
        When does the {room} close?
        Until when is the {room} open?
        At what time does the {room} shut?
        """,
        "at {time2}",
    ),
)

ORDER = kind(
    "order of steps",
    "order",
    """
    First {step}, then {step2}, and finally {step3}.
    {step} before you {step2}, and {step3} at the very end.
    1) {step} 2) {step2} 3) {step3}
    Begin as follows: {step}; after that, {step2}; last of all, {step3}.
    To start with, {step}. Then {step2}. To finish, {step3}.
    The order is this: {step}, {step2}, {step3}.
    Before you {step3}, {step2}; but before that, {step}.
    {step}. When that is done, {step2}. At the end, {step3}.
    Only after you {step} may you {step2}, and only then {step3}.
    Step one: {step}. Step two: {step2}. Step three: {step3}.
    {step3} last, {step} first, and {step2} in between.
    Start by {step:ing}, go on by {step2:ing} and end by {step3:ing}.
    """,
    ask(
        """
        What comes right after one has to {step}?
        What is done right after {step:ing}?
        What comes next after {step:ing}?
        """,
        "{step2}",
    ),
    ask(
        """
        What comes right before one has to {step3}?
        What is done right before {step3:ing}?
        """,
        "{step2}",
    ),
    ask(
        """
        What comes before {step2:ing}?
        What has to be done before one can {step2}?
        """,
        "{step}",
    ),
    ask(
        """
        What comes after {step2:ing}?
        What is done once one has finished {step2:ing}?
        """,
        "{step3}",
    ),
    ask(
        """
        What comes first, {step:ing} or {step3:ing}?
        What is done earlier, {step3:ing} or {step:ing}?
        """,
        "{step:ing}",
    ),
)

REASON = kind(
    "reason",
    "reasons",
    """
    {outcome} because {reason}.
    Because {reason}, {outcome}.
    {outcome}, since {reason}.
    As {reason}, {outcome}.
    {reason}, and so {outcome}.
    {outcome}; the reason is that {reason}.
    {reason}; for this reason {outcome}.
    The fact that {reason} explains why {outcome}.
    {outcome}. This had to be done because {reason}.
    {outcome}: {reason}.
    {reason}, which is why {outcome}.
    Why {outcome.aux} {outcome.subject} {outcome.rest}? Because {reason}.
    {outcome}, for {reason}.
    """,
    ask(
        """
        Why {outcome.aux} {outcome.subject} {outcome.rest}?
        For what reason {outcome.aux} {outcome.subject} {outcome.rest}?
        What is the reason why {outcome}?
        Can you say why {outcome}?
        """,
        "because {reason}",
        "outcome",
    ),
    ask(
        """
        What happened because {reason}?
        What was done because {reason}?
        """,
        "{outcome}",
    ),
)

KEPT = kind(
    "where a thing is",
    "places",
    """
    The {thing} is kept {spot}.
    You will find the {thing} {spot}.
    {thing}: {spot}
    The {thing} hangs or lies {spot}.
    We keep the {thing} {spot}.
    Please put the {thing} back {spot}.
    {spot} is where the {thing} belongs.
    The {thing} has been moved and is now {spot}.
    The right place for the {thing} is {spot}.
    If you need the {thing}, look {spot}.
    {spot}: {thing}
    Since {year} the {thing} has had its place {spot}.
    The {thing} stays {spot} at all times.
    """,
    ask(
        """
        Where is the {thing}?
        Where is the {thing} kept?
        Where can one find the {thing}?
        Where does the {thing} belong?
        """,
        "{spot}",
    ),
    ask(
        """
        What is kept {spot}?
        What can be found {spot}?
        """,
        "the {thing}",
    ),
)

VENUE = kind(
    "place of an event",
    "places",
    """
    The {event} will be held {spot}.
    We meet {spot} for the {event}.
    {event}: {spot}
    The place of the {event} is {spot}.
    Come {spot} if you wish to take part in the {event}.
    {spot} is where the {event} will be.
    The {event} takes place {spot}, not outside.
    This time the {event} is to be {spot}.
    For the {event}, everyone gathers {spot}.
    The {event} begins {spot}.
    It is {spot} that the {event} takes place.
    All is ready {spot}, where the {event} takes place.
    """,
    ask(
        """
        Where is the {event}?
        Where does the {event} take place?
        At which place is the {event} held?
        Where will the {event} be?
        """,
        "{spot}",
    ),
    ask(
        """
        What takes place {spot}?
        What is held {spot}?
        """,
        "the {event}",
    ),
)

BEFORE = kind(
    "history",
    "dates",
    """
    In {year}, {who} founded the {society}, and in {year2} {who2} gave it a house.
    The {society} was founded by {who} in {year}; {who2} gave it a house in {year2}.
    {who} founded the {society} ({year}); {who2} gave it a house ({year2}).
    It was {who} who founded the {society} in {year}, and {who2} who gave it a house in {year2}.
    {year}: {who} founds the {society}. {year2}: {who2} gives it a house.
    Founded in {year} by {who}, the {society} was given a house by {who2} in {year2}.
    The {society}, which {who} founded in {year}, received a house from {who2} in {year2}.
    The house that {who2} gave the {society} in {year2} came long after {who} founded it in {year}.
    {who} founded the {society} in {year} but it had no house until {who2} gave it one in {year2}.
    Not {who2}, who gave it a house in {year2}, but {who} founded the {society}; that was in {year}.
    The founder of the {society} was {who} ({year}); its house was given by {who2} ({year2}).
    In {year2} {who2} gave a house to the {society}, which {who} had founded in {year}.
    """,
    ask(
        """
        Who founded the {society}?
        Who was the founder of the {society}?
        By whom was the {society} founded?
        """,
        "{who}",
    ),
    ask(
        """
        When was the {society} founded?
        In which year was the {society} founded?
        """,
        "in {year}",
    ),
    ask(
        """
        Who gave the {society} a house?
        From whom did the {society} get a house?
        """,
        "{who2}",
    ),
    ask(
        """
        When did the {society} get a house?
        In which year was the {society} given a house?
        """,
        "in {year2}",
    ),
)
