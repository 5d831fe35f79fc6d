"""Facts about figures: fees, fines, refunds, tariffs, invoices, amounts, limits and notice."""

from __future__ import annotations

from lab.train.answering.papers.kinds import ask, each, kind

HOW_MUCH = """
How much is the {fee}?
What is the amount of the {fee}?
What does the {fee} come to?
How high is the {fee}?
What is the {fee}?
How much do I have to pay as the {fee}?
What do we pay for the {fee}?
"""

FEE = kind(
    "fee",
    "figures",
    """
    The {fee} is {sum}.
    {fee}: {sum}
    The {fee} comes to {sum}.
    {sum} has been fixed as the {fee}.
    The {fee} was set at {sum}.
    The {fee}, {sum}, is the same for everyone.
    We charge {sum} as the {fee}.
    At {sum}, the {fee} is lower than elsewhere.
    The sum of {sum} covers the {fee}.
    {fee:a} of {sum} applies.
    The {fee} amounts to {sum}, whatever the season.
    There is agreement that the {fee} should stay at {sum}.
    {sum} ({fee})
    """,
    ask(HOW_MUCH, "{sum}"),
    ask(
        """
        What is the {sum} for?
        What does the sum of {sum} cover?
        """,
        "the {fee}",
    ),
    ask(
        """
        Is the {fee} {sum8}?
        Does the {fee} come to {sum8}?
        """,
        "No, {sum}",
        "fee",
    ),
    ask(
        """
        Is the {fee} {sum}?
        Does the {fee} come to {sum}?
        """,
        "Yes",
        "fee",
    ),
)

FEE_DUE = kind(
    "when a fee is due",
    "figures",
    """
    The {fee} of {sum} is due {due}.
    The {fee}, {sum}, has to be paid {due}.
    {fee}: {sum}, payable {due}
    {sum} is to be paid as the {fee} {due}.
    Please pay the {fee} ({sum}) {due}.
    The {fee} falls due {due}; it comes to {sum}.
    The {fee} is {sum} and is collected {due}.
    {due}, the {fee} of {sum} becomes payable.
    Payment of the {fee} ({sum}) is expected {due}.
    The {fee} must reach us {due}, and it is {sum}.
    Everyone pays the {fee}, which is {sum}, {due}.
    We ask for the {fee} of {sum} {due}, not later.
    """,
    ask(HOW_MUCH, "{sum}"),
    ask(
        """
        When is the {fee} due?
        When must the {fee} be paid?
        By when does one have to pay the {fee}?
        When is the {fee} to be paid?
        When does the {fee} fall due?
        When do I have to pay the {fee}?
        By when do we have to pay the {fee}?
        """,
        "{due}",
    ),
)

REFUND_IF = kind(
    "refund under a condition",
    "rules",
    """
    The {prepaid} is refunded {refund}.
    {refund}, the {prepaid} is paid back.
    We return the {prepaid} {refund}.
    You get the {prepaid} back {refund}.
    The {prepaid} is refundable, but only {refund}.
    {prepaid}: returned {refund}
    The {prepaid} is not lost: it is paid back {refund}.
    {refund}, you will receive the {prepaid} back in full.
    The whole {prepaid} will be returned {refund}.
    Only {refund} do we pay back the {prepaid}.
    The {prepaid} can be claimed back {refund}.
    Nobody loses the {prepaid}, which is refunded {refund}.
    """,
    ask(
        """
        Is the {prepaid} refundable?
        Does one get the {prepaid} back?
        Can the {prepaid} be refunded?
        Will the {prepaid} be paid back?
        """,
        "Yes, {refund}",
    ),
    ask(
        """
        On what condition is the {prepaid} refunded?
        Under what condition is the {prepaid} paid back?
        """,
        "{refund}",
    ),
)

NO_REFUND = kind(
    "no refund",
    "rules",
    """
    The {prepaid} is not refundable.
    The {prepaid} cannot be paid back.
    We do not return the {prepaid}.
    {prepaid}: non-refundable
    There is no refund of the {prepaid}.
    The {prepaid} will be kept in any case.
    Please note that you do not get the {prepaid} back.
    Under no circumstances is the {prepaid} returned.
    The {prepaid} is lost, whatever the reason.
    Nobody has a right to have the {prepaid} back.
    The {prepaid}, once paid, stays with us.
    A refund of the {prepaid} is out of the question.
    """,
    ask(
        """
        Is the {prepaid} refundable?
        Does one get the {prepaid} back?
        Can the {prepaid} be refunded?
        Will the {prepaid} be paid back?
        """,
        "No",
    ),
)

FINE = kind(
    "fine",
    "figures",
    """
    Those who {offence} pay a fine of {sum}.
    The fine for {offence:ing} is {sum}.
    Anyone who {offence:s} pays {sum}.
    {offence:ing}: {sum}
    {sum} is charged to anyone who {offence:s}.
    If you {offence}, you will be fined {sum}.
    A penalty of {sum} applies to people who {offence}.
    It costs {sum} to {offence}.
    People who {offence} will be asked for {sum}.
    For {offence:ing}, a fine of {sum} is due.
    To {offence} means a fine of {sum}.
    Do not {offence}: the fine is {sum}.
    {offence:ing} costs {sum} each time.
    """,
    ask(
        """
        What is the fine for {offence:ing}?
        How much does one pay for {offence:ing}?
        What does it cost to {offence}?
        What is charged if people {offence}?
        How high is the penalty for {offence:ing}?
        """,
        "{sum}",
        "offence",
    ),
    ask(
        """
        What is the fine of {sum} for?
        For what does one pay {sum}?
        """,
        "{offence:ing}",
    ),
)

FOR_GROUP = """
How much is the {charge} for {group}?
What do {group} pay as the {charge}?
What is the {charge} for {group}?
"""

TARIFF = kind(
    "tariff",
    "figures",
    """
    The {charge} is {sum} for {group} and {sum2} for {group2}.
    {group} pay {sum} as the {charge}, {group2} pay {sum2}.
    {charge}: {group} {sum}, {group2} {sum2}
    For {group2} the {charge} is {sum2}, for {group} it is {sum}.
    The {charge} ({group}: {sum}; {group2}: {sum2})
    While {group} pay {charge:a} of {sum}, it is {sum2} for {group2}.
    {charge} {sum}, but {sum2} for {group2}; the first price is for {group}.
    We ask {group} for {sum} and {group2} for {sum2} as the {charge}.
    The {charge} depends on who you are: {sum} for {group}, {sum2} for {group2}.
    {charge} for {group}: {sum}\\n{charge} for {group2}: {sum2}
    As to the {charge}, {group2} are asked for {sum2}, {group} for {sum}.
    The {charge} of {sum} is for {group}; {group2} pay {sum2}.
    """,
    ask(FOR_GROUP, "{sum}", "group"),
    ask(FOR_GROUP.replace("{group}", "{group2}"), "{sum2}", "group2"),
)

INVOICE = kind(
    "invoice",
    "figures",
    """
    {n} {item} at {sum} each\\n{n2} {item2} at {sum2} each
    {item}: {n} at {sum} each; {item2}: {n2} at {sum2} each
    We delivered {n} {item} at {sum} each and {n2} {item2} at {sum2} each.
    For {n} {item} at {sum} apiece and {n2} {item2} at {sum2} apiece.
    {n} {item} ({sum} each), {n2} {item2} ({sum2} each)
    The {item} cost {sum} each and the {item2} {sum2} each; you had {n} and {n2} of them.
    Your order: {n} {item}, price {sum} each, and {n2} {item2}, price {sum2} each.
    {n} x {item}, {sum} each\\n{n2} x {item2}, {sum2} each
    You ordered {n2} {item2}, which are {sum2} each, and {n} {item}, which are {sum} each.
    Sold to you: {n} {item} for {sum} each, as well as {n2} {item2} for {sum2} each.
    On the list are {n} {item} ({sum} each) and {n2} {item2} ({sum2} each).
    We charge {sum} for each of the {n} {item} and {sum2} for each of the {n2} {item2}.
    """,
    *each(
        2,
        """
        How many {item} were there?
        How many {item} are listed?
        What is the number of {item}?
        """,
        "{n}",
    ),
    *each(
        2,
        """
        What is the price of the {item}?
        How much do the {item} cost each?
        What did one pay for each of the {item}?
        """,
        "{sum}",
    ),
)

INGREDIENTS = kind(
    "ingredients",
    "figures",
    """
    {amount} of {food}, {amount2} of {food2}, {amount3} of {food3}
    Take {amount} of {food}, {amount2} of {food2} and {amount3} of {food3}.
    {amount} of {food}\\n{amount2} of {food2}\\n{amount3} of {food3}
    You need {amount} of {food}, {amount2} of {food2} and {amount3} of {food3}.
    {food}: {amount}\\n{food2}: {amount2}\\n{food3}: {amount3}
    {food} ({amount}), {food2} ({amount2}), {food3} ({amount3})
    Put {amount} of {food} into a bowl with {amount2} of {food2} and {amount3} of {food3}.
    To {amount} of {food} add {amount2} of {food2}, then {amount3} of {food3}.
    Mix {amount} of {food} with {amount2} of {food2}, and fold in {amount3} of {food3}.
    The dish takes {amount} of {food}, {amount2} of {food2} and {amount3} of {food3}.
    Weigh out {amount} of {food}, then {amount2} of {food2}, last {amount3} of {food3}.
    Not {amount3} but {amount} of {food} and {amount2} of {food2}; of {food3}, {amount3}.
    """,
    *each(
        3,
        """
        How much {food} is needed?
        What amount of {food} does one need?
        How much {food} goes in?
        How much {food} should one take?
        """,
        "{amount}",
    ),
)

LIMIT = kind(
    "limit",
    "figures",
    """
    {limit}: not above {number}
    No more than {number} {limit} are allowed.
    {limit}: {number} at most
    At most {number} {limit} are permitted.
    The number of {limit} must not exceed {number}.
    We can allow {number} {limit}, not more.
    There is a limit of {number} for {limit}.
    {number} is the highest number of {limit}.
    The rules set the number of {limit} at {number} or fewer.
    Up to {number} {limit} are fine; more are not.
    Maximum number of {limit}: {number}
    For {limit}, the limit has been put at {number}.
    More than {number} {limit} cannot be accepted.
    """,
    ask(
        """
        What is the greatest number of {limit}?
        How many {limit} are allowed at most?
        What is the limit for {limit}?
        What is the highest number of {limit}?
        How many {limit} may there be?
        """,
        "{number}",
    ),
    ask(
        """
        Is there a limit for {limit}?
        Is the number of {limit} limited?
        """,
        "Yes, {number}",
    ),
)

NOTICE = kind(
    "notice",
    "figures",
    """
    The {party.one} may leave after a notice of {span}, the {party.two} after one of {span2}.
    Notice: {span} for the {party.one}, {span2} for the {party.two}
    The {party.one} has to give notice of {span}, the {party.two} of {span2}.
    If the {party.one} wants to leave, {span} of notice are needed; for the {party.two}, {span2}.
    The period of notice is {span} for the {party.one} but {span2} for the {party.two}.
    The {party.two} must give {span2} of notice and the {party.one} {span}.
    {party.one}: notice of {span}; {party.two}: notice of {span2}
    While the {party.one} can leave after {span} of notice, it takes {span2} for the {party.two}.
    Notice given by the {party.one} takes effect after {span}, by the {party.two} after {span2}.
    To end the contract, the {party.one} needs {span} and the {party.two} {span2} of notice.
    A notice of {span} binds the {party.one}; one of {span2} binds the {party.two}.
    Should the {party.two} end the contract, {span2} apply; should the {party.one}, {span} apply.
    """,
    ask(
        """
        How much notice must the {party.one} give?
        What notice does the {party.one} have to give?
        What is the {party.one}'s period of notice?
        """,
        "{span}",
    ),
    ask(
        """
        How much notice must the {party.two} give?
        What notice does the {party.two} have to give?
        What is the {party.two}'s period of notice?
        """,
        "{span2}",
    ),
)

RAISED = kind(
    "changed sum",
    "figures",
    """
    The {fee} rises from {sum2} to {sum}.
    From {date} the {fee} is {sum} instead of {sum2}.
    The {fee}, until now {sum2}, will be {sum} from {date}.
    We have changed the {fee} from {sum2} to {sum}.
    The {fee} is no longer {sum2} but {sum}.
    Not {sum2}, as printed, but {sum} is the {fee}.
    The old {fee} was {sum2}; the new one is {sum}.
    The {fee} used to be {sum2} and is now {sum}.
    {fee}: {sum} (before: {sum2})
    Having been {sum2} for {tenure}, the {fee} now stands at {sum}.
    It was decided to set the {fee} at {sum}; it had been {sum2}.
    {sum} replaces {sum2} as the {fee}.
    """,
    ask(
        """
        How much is the {fee} now?
        What is the new {fee}?
        How much is the {fee}?
        """,
        "{sum}",
    ),
    ask(
        """
        How much was the {fee} before?
        What was the old {fee}?
        What did the {fee} use to be?
        """,
        "{sum2}",
    ),
    ask(
        """
        Is the {fee} still {sum2}?
        Does the {fee} remain at {sum2}?
        """,
        "No, {sum}",
        "fee",
    ),
)
