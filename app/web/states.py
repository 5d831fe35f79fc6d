"""The state of the page that Gradio keeps for every session: programs need none of their own.

Gradio makes a copy of the whole page's configuration for each request of a program that names no
session, which takes longer than most answers, and keeps ten thousand of them.
"""

from __future__ import annotations

from functools import cached_property

from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState, StateHolder


class States(StateHolder):
    """The states of sessions; requests of programs to public endpoints share one.

    The shared one is of no session, so nobody can ask for it.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        """The state of a session, made when it is first asked for."""
        event = self.blocks._queue.event_ids_to_events.get(session_id)
        if event is not None and _needs_none(event.fn):
            return self._shared
        return super().__getitem__(session_id)

    @cached_property
    def _shared(self) -> SessionState:
        return SessionState(self.blocks)


def _needs_none(fn: BlockFunction) -> bool:
    blocks = (*fn.inputs, *fn.outputs)
    return fn.api_visibility == "public" and not any(block.stateful for block in blocks)
