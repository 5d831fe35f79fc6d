"""The state of the page that Gradio keeps for every session: programs need none of their own.

Gradio works out the whole page's configuration again for each session, which takes longer than most
answers, also for each request of a program that names no session, and keeps ten thousand of them.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

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
        if session_id not in self.session_data:
            self.session_data[session_id] = self._new()
        return super().__getitem__(session_id)

    @cached_property
    def _shared(self) -> SessionState:
        return self._new()

    @cached_property
    def _untouched(self) -> SessionState:
        return SessionState(self.blocks)

    def _new(self) -> SessionState:
        """What SessionState(self.blocks) would be, as a copy of one that was worked out before."""
        state = copy(self._untouched)
        state.blocks_config = copy(self.blocks.default_config)
        state.config_values = {
            key: _copied(config) for key, config in self._untouched.config_values.items()
        }
        state.state_data = {}
        state._state_ttl = {}
        return state


def _needs_none(fn: BlockFunction) -> bool:
    blocks = (*fn.inputs, *fn.outputs)
    return fn.api_visibility == "public" and not any(block.stateful for block in blocks)


def _copied(config: dict[str, Any]) -> dict[str, Any]:
    """A component's configuration, of which Gradio changes the properties."""
    return {key: dict(value) if key == "props" else value for key, value in config.items()}
