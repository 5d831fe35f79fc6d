"""The model's line: whose turn it is, how much may wait, and what nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from math import inf

import pytest
from played import PATIENCE, Holding, busy

from app.errors import Busy
from app.line.line import Limits, Line
from app.line.turns import Turns
from app.line.work import Bell, Visitor, Work, always_here


class Noted(Work):
    """Work that notes that it was made."""

    def __init__(self, made: list[str], visitor: Visitor, name: str = "", **more: float) -> None:
        super().__init__("", visitor, self.seconds_away, **more)
        self.name = name or f"{visitor.account}{visitor.session}"
        self.left = 0.0
        self._made = made

    def seconds_away(self) -> float:
        return self.left

    def make(self) -> None:
        self.begin()
        self._made.append(self.name)


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestTurns:
    def test_sessions_take_turns(self) -> None:
        assert order("aaaab") == "abaaa"
        assert order("aaabbc") == "abcaba"

    def test_so_do_accounts_whatever_sessions_they_have(self) -> None:
        turns = Turns()
        for session in "1234":
            turns.add(Noted([], Visitor("anna", session)))
        turns.add(Noted([], Visitor("bert", "1"), "bert"))
        taken = [work.name for work in iter(lambda: turns.take(lambda work: True), None)]
        assert taken == ["anna1", "bert", "anna2", "anna3", "anna4"]

    def test_who_comes_later_waits_for_one_round_only(self) -> None:
        turns = Turns()
        for session in "aaab":
            turns.add(Noted([], Visitor("", session)))
        assert taken(turns) == "a"
        turns.add(Noted([], Visitor("", "c")))
        assert [taken(turns) for _ in range(4)] == list("baca")
        assert not len(turns)

    def test_what_is_not_ready_is_passed_over_and_keeps_its_place(self) -> None:
        turns = Turns()
        for session in "ab":
            turns.add(Noted([], Visitor("", session)))
        assert turns.take(lambda work: work.visitor.session == "b")
        assert taken(turns) == "a"


def order(arriving: str) -> str:
    turns = Turns()
    for session in arriving:
        turns.add(Noted([], Visitor("", session)))
    return "".join(taken(turns) for _ in arriving)


def taken(turns: Turns) -> str:
    work = turns.take(lambda work: True)
    assert work is not None
    return work.visitor.session


class TestLine:
    def test_a_session_with_twenty_questions_holds_up_nobody(self) -> None:
        line, made = Line(), []  # type: Line, list[str]
        with busy(line):
            many = [Noted(made, Visitor("", "many")) for _ in range(20)]
            for work in (*many, Noted(made, Visitor("", "one"))):
                line.join(work)
        wait_until(lambda: len(made) == 21)
        assert made.index("one") == 1

    @pytest.mark.parametrize(
        ("limits", "who", "said"),
        [
            (Limits(in_all=2), [Visitor()] * 3, "2 requests wait already, and no more than 2 may"),
            (Limits(of_a_session=2), [Visitor("", "s")] * 3, "2 requests of this session"),
            (
                Limits(of_an_account=2),
                [Visitor("anna", str(n)) for n in range(3)],
                "2 requests of this account",
            ),
        ],
    )
    def test_what_is_too_much_is_refused(
        self, limits: Limits, who: list[Visitor], said: str
    ) -> None:
        line = Line(limits)
        with busy(line):
            for visitor in who[:-1]:
                line.join(Noted([], visitor))
            with pytest.raises(Busy, match=said) as refused:
                line.join(Noted([], who[-1]))
            assert str(refused.value).endswith((" a minute.", " stop one."))
            line.join(Noted([], Visitor("bert", "t"))) if limits.in_all > 2 else None

    def test_what_nobody_waits_for_leaves_at_once(self) -> None:
        line, made = Line(Limits(in_all=2)), []  # type: Line, list[str]
        with busy(line):
            gone, waits = (Noted(made, Visitor("", session)) for session in ("gone", "waits"))
            line.join(gone)
            line.join(waits)
            gone.left = inf
            line.sweep()
            assert gone.over and gone not in line.works()
            line.join(Noted(made, Visitor("", "new")))  # there is room again
        wait_until(lambda: len(made) == 2)
        assert made == ["waits", "new"]

    def test_what_may_be_away_for_a_moment_is_made_once_somebody_is_back(self) -> None:
        line, made = Line(), []  # type: Line, list[str]
        page = Noted(made, Visitor("", "page"), patience=PATIENCE)
        page.left = 0.1
        line.join(page)
        line.join(Noted(made, Visitor("", "other")))
        wait_until(lambda: made == ["other"])
        assert not page.begun and not page.over
        page.left = 0.0
        wait_until(lambda: made == ["other", "page"])

    def test_but_not_for_longer(self) -> None:
        line, made = Line(), []  # type: Line, list[str]
        page = Noted(made, Visitor("", "page"), patience=0.05)
        page.left = inf  # it was never connected; it has as long from its beginning
        line.join(page)
        assert not page.over
        assert page.wait(PATIENCE)
        assert not made

    def test_what_is_being_made_should_end_when_its_client_goes(self) -> None:
        work = Noted([], Visitor())
        assert not work.stopped
        work.left = inf
        assert work.stopped

    def test_unless_somebody_else_looks_at_it(self) -> None:
        work = Noted([], Visitor())
        work.left = inf

        async def looking() -> None:
            with work.watched(Bell(), always_here):
                assert work.heard and not work.stopped

        asyncio.run(looking())

    def test_a_failure_concerns_one_work_only(self, caplog: pytest.LogCaptureFixture) -> None:
        class Failing(Holding):
            def make(self) -> None:
                raise RuntimeError("unexpected")

        line, made = Line(), []  # type: Line, list[str]
        failing = Failing()
        line.join(failing)
        assert failing.wait(PATIENCE) and not failing.begun
        line.join(Noted(made, Visitor("", "next")))
        wait_until(lambda: made)
        assert "unexpected" in caplog.text

    def test_stopping_waits_for_what_is_being_made(self) -> None:
        line = Line()
        with busy(line) as holding:
            waits = Noted([], Visitor())
            line.join(waits)
            line.stop(lambda work: work is waits)
            assert waits.over and not holding.over
            holding.let_go.set()
            line.stop(lambda work: True)
            assert holding.over and not line.works()

    def test_the_thread_of_an_empty_line_ends_and_another_begins(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("app.line.line.IDLE_SECONDS", 0.01)
        line, made = Line(), []  # type: Line, list[str]
        for number in (1, 2):
            line.join(Noted(made, Visitor("", str(number))))
            wait_until(lambda: not line._has_thread)
        assert made == ["1", "2"]
