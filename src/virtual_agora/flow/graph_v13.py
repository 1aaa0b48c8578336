"""Protocol 1.3 as one graph, and the flow that streams it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.errors import GraphBubbleUp
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, Interrupt, StateSnapshot

from virtual_agora.clock import Clock
from virtual_agora.config.loader import config_hash
from virtual_agora.config.models import MAX_PARTICIPANTS, Config
from virtual_agora.errors import ConfigurationError, StaleAnswerError, StateError, UsageError
from virtual_agora.events import Listener, StepFinished
from virtual_agora.flow import edges_v13 as edges
from virtual_agora.flow.error_recovery import ErrorRecoveryManager
from virtual_agora.flow.interrupts import GraphInterrupt
from virtual_agora.flow.node import V13NodeWrapper
from virtual_agora.flow.nodes_v13.agenda import AgendaNodes
from virtual_agora.flow.nodes_v13.conclusion import ConclusionNodes
from virtual_agora.flow.nodes_v13.continuation import ContinuationNodes
from virtual_agora.flow.nodes_v13.discussion import DiscussionNodes
from virtual_agora.flow.nodes_v13.opening import OpeningNodes
from virtual_agora.flow.nodes_v13.reporting import ReportNodes
from virtual_agora.flow.steps import BESIDE, NODES
from virtual_agora.hitl import check_answer, check_theme
from virtual_agora.prompts import Prompts
from virtual_agora.providers.redaction import redact, redacted
from virtual_agora.state.checkpoints import check_version, unanswered
from virtual_agora.state.manager import StateManager
from virtual_agora.state.schema import ContextDocument, Estimated, VirtualAgoraState
from virtual_agora.state.stores import SessionSaver

__all__ = ["NODES", "V13Nodes", "VirtualAgoraV13Flow", "build_graph"]

WAYS = {
    "get_theme": edges.after_theme,
    "agenda_approval": edges.after_agenda_approval,
    "announce_item": edges.after_announcement,
    "opening_positions": edges.after_opening_positions,
    "user_turn": edges.after_user_turn,
    "discussion_round": edges.after_discussion,
    "round_summarization": edges.after_summary,
    "end_topic_poll": edges.after_poll,
    "vote_evaluation": edges.after_evaluation,
    "file_output": edges.after_topic,
    "agent_poll": edges.after_agent_poll,
    "user_approval": edges.after_user_approval,
    "agenda_modification": edges.after_agenda_modification,
}
"""The steps after which there is a choice."""

AT_ONCE = 3 * MAX_PARTICIPANTS + 2
"""The most that is under way together: everybody's last words, position and control, in two steps side by side."""

STEP_LIMIT = 10**9
"""LangGraph's guard against endless graphs; here the protocol's own bounds end a session."""


class V13Nodes(
    OpeningNodes, AgendaNodes, DiscussionNodes, ConclusionNodes, ContinuationNodes, ReportNodes
):
    """All steps of protocol 1.3, as methods `<name>_node`."""


def build_graph(flow: VirtualAgoraV13Flow) -> StateGraph[Any, Any, Any, Any]:
    """The protocol's graph; its steps are looked up on `flow.nodes` when they run."""
    graph = StateGraph(VirtualAgoraState)
    for name, phase in NODES.items():
        wrapper = V13NodeWrapper(flow, name, phase, enters=name not in BESIDE)
        graph.add_node(name, cast(Any, wrapper))
    graph.add_edge(START, "config_and_keys")
    for one, other in (
        ("config_and_keys", "agent_instantiation"),
        ("agent_instantiation", "get_theme"),
        ("agenda_proposal", "topic_refinement"),
        ("topic_refinement", "collate_proposals"),
        ("collate_proposals", "agenda_voting"),
        ("agenda_voting", "synthesize_agenda"),
        ("synthesize_agenda", "agenda_approval"),
        ("periodic_user_stop", "vote_evaluation"),
        ("final_report_generation", "multi_file_output"),
        ("multi_file_output", END),
    ):
        graph.add_edge(one, other)
    # Last words and positions begin side by side, so that what is written, which rests on both, waits for both. It is
    # no join, which would wait for ever in sessions of releases that had last words only.
    for closing in ("final_considerations", "closing_positions"):
        for writing in ("topic_report_generation", "topic_summary_generation"):
            graph.add_edge(closing, writing)
    # The summary need not wait for the report; both must be there before the topic is closed.
    graph.add_edge(["topic_report_generation", "topic_summary_generation"], "file_output")
    for name, choose in WAYS.items():
        graph.add_conditional_edges(name, choose, _ends(choose))
    return graph


def _ends(choose: Callable[[Any], Any]) -> list[str]:
    """Where a choice can lead to: the names in its return type, which LangGraph does not read out of a list."""
    ends = get_type_hints(choose)["return"]
    return list(get_args(get_args(ends)[0] if get_origin(ends) is list else ends))


class VirtualAgoraV13Flow:
    """One session's graph, its projection in the process, and the stream that drives both.

    `listener` is told what happens (`virtual_agora.events`). Without a checkpointer the session lives in
    memory only. `control.request_drain()` ends the stream once the calls in flight are answered and saved.
    """

    def __init__(
        self,
        config: Config,
        *,
        checkpointer: BaseCheckpointSaver[Any] | None = None,
        clock: Clock | None = None,
        listener: Listener | None = None,
        reports_dir: Path = Path("reports"),
        seed: int | None = None,
        control: RunControl | None = None,
    ) -> None:
        self.config = config
        self.clock = clock or Clock()
        self.listener = listener or (lambda event: None)
        self.reports_dir = reports_dir
        self.seed = next(
            s for s in (seed, config.session.seed, secrets.randbits(32)) if s is not None
        )
        self.checkpointer = checkpointer or InMemorySaver()
        self.control = control or RunControl()
        self.compiled_graph: CompiledStateGraph[Any, Any, Any, Any] | None = None
        self._paused_at = ("", "")
        self.state_manager = StateManager(lambda where: self.graph.get_state(where).values)
        self.error_recovery_manager = ErrorRecoveryManager(lambda: self.graph, self.state_manager)
        self.nodes = V13Nodes(
            config=config,
            prompts=Prompts(Path(config.prompts) if config.prompts else None),
            clock=self.clock,
            recovery=self.error_recovery_manager,
            seed=self.seed,
            control=self.control,
            check_saved=self._check_saved,
        )

    @property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled graph, compiled on first use."""
        return self.compiled_graph or self.compile()

    def compile(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Compile the graph with this flow's checkpointer."""
        self.compiled_graph = build_graph(self).compile(checkpointer=self.checkpointer)
        return self.compiled_graph

    def create_session(
        self,
        main_topic: str = "",
        user_defines_topics: bool = False,
        *,
        topics: Sequence[str] = (),
        documents: Sequence[ContextDocument] = (),
        session_id: str | None = None,
        estimate: Estimated | None = None,
    ) -> str:
        """Begin a session and save it; nothing is asked or called yet. An `estimate` of what it takes is kept with it.

        Without `main_topic`, or with `user_defines_topics` and no `topics`, the first question asks for them.

        A key of a provider in the theme, a topic or a document is taken out.

        Raises:
            UsageError: the theme or a topic is too long, empty or given twice.
            ConfigurationError: there is a key in the configuration.
        """
        config = self.config.model_dump(mode="json")
        if redacted(config) != config:
            raise ConfigurationError(
                "There is an API key in the configuration, which is kept with the session.",
                hint="Keys belong in the environment or in a file named .env; take it out.",
            )
        main_topic, topics = redact(main_topic), redacted(topics)
        if main_topic or topics:
            checked, topics = check_theme(main_topic or "-", topics)
            main_topic = main_topic and checked
        session_id = session_id or f"{self.clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        values = self.state_manager.initialize(
            session_id,
            self.clock.timestamp(),
            config=config,
            config_hash=config_hash(self.config),
            seed=self.seed,
            reports_dir=str(self.reports_dir.absolute()),
            main_topic=main_topic,
            user_defines_topics=user_defines_topics or bool(topics),
            agenda=list(topics),
            **({"context_documents": redacted(documents)} if documents else {}),
            **({"estimate": estimate} if estimate else {}),
        )
        self.graph.update_state(self._where(session_id), values, as_node=START)
        self.state_manager.load(self._where(session_id))
        return session_id

    def stream(
        self, config: RunnableConfig, *, resume: Mapping[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Go on with the thread of `config` from wherever it stands, and yield `{node: update}`.

        An update is yielded only when its step is committed: what was seen is durable, and the state manager
        equals the checkpoint. `resume` answers waiting questions by their ids.

        Raises:
            GraphInterrupt: the session waits for a human.
            GraphDrained: the stream was asked to end, and has.
            StaleAnswerError: `resume` names a question that is not waiting, or no session.
            InvalidAnswerError: an answer does not fit its question.
            NodeExecutionError: a step failed by a bug; everything before it is saved.
            StateError: the session waits at a step that this release does not have.
            UsageError: the session was begun with another configuration.
            NewerSessionError: a later release saved the session.
        """
        session_id = config["configurable"]["thread_id"]
        config = self._where(session_id, config)
        # Where this flow itself paused the projection is what is saved, and need not be read again as a whole.
        paused = resume is not None and self._standing(config) == self._paused_at
        snapshot = None if paused else self.graph.get_state(config)
        if snapshot is not None:
            if not snapshot.values and resume is None:
                self.create_session(session_id=session_id)
                snapshot = self.graph.get_state(config)
            check_version(session_id, snapshot.values)
            self.state_manager.restore(snapshot.values)
        # Validated, a configuration of an earlier release has the defaults of keys that it did not know.
        values = self.state_manager.state
        saved = values.get("config")
        if saved is not None and Config.model_validate(saved) != self.config:
            raise UsageError(
                f"Session “{session_id}” was begun with another configuration.",
                hint="Make the flow with the configuration that is in the session's state.",
            )
        # Killed before its last checkpoint, a session has its last step still to be committed.
        done = snapshot and values.get("status") == "complete" and not snapshot.tasks
        graph_input = _graph_input(self._waiting(snapshot, config), resume)
        if done:
            return
        self._check_saved(session_id)
        try:
            yield from self._run(graph_input, config, told=resume is not None)
        except GraphBubbleUp:
            raise
        except Exception as error:
            self.error_recovery_manager.emergency_recovery(error, config)
            raise
        if self.state_manager.state["status"] != "complete":
            raise StateError(
                "The session waits at a step that this release does not have.",
                hint="Resume it with the release that saved it, or fork it at an earlier step.",
            )

    def _run(
        self, graph_input: Any, config: RunnableConfig, *, told: bool
    ) -> Iterator[dict[str, Any]]:
        """One run of the graph up to its end or its next question.

        `told`: the session waited until now, so the steps that finished beside the waiting one were yielded then.
        """
        held: list[_Finished] = []
        waiting: list[Interrupt] = []
        chunks: Iterator[Any] = self.graph.stream(
            graph_input,
            config,
            stream_mode=["updates", "values", "custom"],
            durability="sync",
            control=self.control,
        )
        for mode, chunk in chunks:
            if mode == "custom":
                self.listener(chunk)
            elif mode == "updates":
                # A step's updates come before its checkpoint: hold them back until it is written.
                waiting.extend(chunk.get("__interrupt__", ()))
                replayed = bool(chunk.get("__metadata__", {}).get("cached"))
                held.extend(
                    _Finished(name, chunk[name], replayed) for name in chunk if name in NODES
                )
            elif not waiting:
                yield from self._commit(held, config, told=told)
                held = []
        # Beside a step that waits another may have finished: it is saved, and does not run again.
        yield from self._commit(held, config, told=told)
        if waiting:
            self._paused_at = self._standing(config)
            raise GraphInterrupt(waiting)

    def _commit(
        self, held: Sequence[_Finished], config: RunnableConfig, *, told: bool
    ) -> Iterator[dict[str, Any]]:
        """Bring a committed step into the projection, then hand its updates out one by one."""
        if any(step.replayed for step in held):
            # What was finished before this run was in the state that it began with.
            self.state_manager.load(config)
        else:
            # LangGraph applies steps that ran side by side in the order of their names, however they finished.
            for step in sorted(held, key=lambda step: step.node):
                self.state_manager.update_state(step.update)
        state = self.state_manager.state
        for step in held:
            if step.replayed and told:
                continue
            self.listener(
                StepFinished(
                    node=step.node,
                    update=step.update,
                    phase=state["current_phase"],
                    topic=state.get("current_topic", ""),
                    round=state["current_round"],
                )
            )
            yield {step.node: step.update}

    def _standing(self, config: RunnableConfig) -> tuple[str, str]:
        """The thread's latest checkpoint, and the session that the projection is of."""
        saved = self.checkpointer.get_tuple(config)
        session_id = self.state_manager.state.get("session_id", "")
        return (saved.checkpoint["id"] if saved else "-", session_id)

    def _waiting(self, snapshot: StateSnapshot | None, config: RunnableConfig) -> list[Interrupt]:
        """The questions that wait for an answer."""
        saved = self.checkpointer.get_tuple(config)
        waiting = unanswered(saved) if saved else []
        # A step that this release does not have asks nothing.
        return [q for q in waiting if snapshot is None or q in snapshot.interrupts]

    def _check_saved(self, session_id: str) -> None:
        """StorageError if something of the session could not be saved."""
        if isinstance(self.checkpointer, SessionSaver):
            self.checkpointer.check_saved(session_id)

    def _where(self, session_id: str, given: RunnableConfig | None = None) -> RunnableConfig:
        """The caller's configuration (callbacks, tags) for the session, with limits that never cut it short."""
        return {
            **(given or {}),
            "configurable": {"thread_id": session_id},
            "recursion_limit": STEP_LIMIT,
            "max_concurrency": AT_ONCE,
        }


class _Finished(NamedTuple):
    """A step of the running superstep; `replayed` when an earlier run finished it."""

    node: str
    update: dict[str, Any]
    replayed: bool


def _graph_input(
    questions: Sequence[Interrupt], resume: Mapping[str, Any] | None
) -> Command[Any] | None:
    """What LangGraph is to go on with: checked answers, or nothing."""
    waiting = {question.id: question for question in questions}
    if resume is None:
        if waiting:
            raise GraphInterrupt(questions)
        return None
    if not resume or (unknown := set(resume) - set(waiting)):
        names = ", ".join(sorted(unknown)) if resume else "nothing"
        raise StaleAnswerError(
            f"The answer is for {names}, which is not waiting.",
            hint="Ask the session for its question and answer that one.",
        )
    return Command(resume={id_: check_answer(waiting[id_].value, resume[id_]) for id_ in resume})
