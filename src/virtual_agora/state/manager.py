"""The session inside this process: a projection of its checkpoint, kept up to date update by update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from types import MappingProxyType
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.channels.base import BaseChannel
from langgraph.graph import StateGraph

from virtual_agora.state.schema import PROTOCOL_VERSION, SCHEMA_VERSION, VirtualAgoraState

__all__ = ["StateManager"]


class StateManager:
    """Holds the values of one session, folded with the reducers that the schema declares.

    The folding is done by LangGraph's own channels, made from the schema's annotations as the compiled graph
    makes them; so there is no second definition of any reducer. `read_values` gives a session's values from
    its checkpoint.
    """

    def __init__(self, read_values: Callable[[RunnableConfig], Mapping[str, Any]]) -> None:
        self._read_values = read_values
        self._channels: dict[str, BaseChannel[Any, Any, Any]] = {}
        self.restore({})

    @property
    def state(self) -> Mapping[str, Any]:
        """The values as they stand, to read only: nothing is copied."""
        return MappingProxyType(
            {
                name: channel.get()
                for name, channel in self._channels.items()
                if channel.is_available()
            }
        )

    def get_snapshot(self) -> VirtualAgoraState:
        """A copy of the whole session that its owner may change without harm."""
        return cast(VirtualAgoraState, deepcopy(dict(self.state)))

    def initialize(self, session_id: str, start_time: str, **values: Any) -> VirtualAgoraState:
        """Begin a new session with `values` of its state, and return its first values.

        Growing fields are left to LangGraph, which begins them empty.
        """
        self.restore({})
        state: VirtualAgoraState = VirtualAgoraState(
            session_id=session_id,
            schema_version=SCHEMA_VERSION,
            protocol_version=PROTOCOL_VERSION,
            start_time=start_time,
            status="running",
            current_phase=0,
            current_round=0,
            **values,  # type: ignore[typeddict-item]
        )
        self.update_state(state)
        return state

    def update_state(self, delta: Mapping[str, Any]) -> None:
        """Fold a node's update in, in time proportional to the update.

        Raises:
            KeyError: for a field that the schema does not know.
        """
        for name, value in delta.items():
            self._channels[name].update([deepcopy(value)])

    def load(self, config: RunnableConfig) -> None:
        """Take the values of `config`'s thread from its latest checkpoint."""
        self.restore(self._read_values(config))

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take `values`, which were just read from a checkpoint."""
        self._channels = {
            name: channel.from_checkpoint(
                deepcopy(values[name]) if name in values else channel.checkpoint()
            )
            for name, channel in _schema_channels().items()
        }


@cache
def _schema_channels() -> dict[str, BaseChannel[Any, Any, Any]]:
    return dict(StateGraph(VirtualAgoraState).channels)
