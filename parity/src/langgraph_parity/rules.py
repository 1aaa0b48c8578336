"""What can be wrong, in one table, and how it is said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["RULES", "Finding", "ParityError", "ParityUsageError", "Rule"]


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong: a sentence on what it is, and one on how to mend it."""

    id: str
    title: str
    wrong: str
    mend: str


_TABLE = """
P101 | root-invoke            | the root graph is run by invoke(), which production does not use | Enter where production enters: parity.run(), or the application's own entry point
P102 | no-checkpointer        | the graph runs without the checkpointer it was given, so nothing of the run is saved | Pass the argument of build on: builder.compile(checkpointer=checkpointer)
P103 | round-the-coordinator  | the root graph is streamed round the application's coordinator | Drive it through the coordinator, as production does: parity.run()
P104 | not-durable            | an update was seen before the checkpoint that holds it was written | Stream with durability="sync" and stream_mode=["updates", "values"], and hand an update on once the values of its step have come
P105 | patched-internals      | the test replaces a part of the application that it is meant to test | Replace what lies outside (models, files, clock); a seam that is meant for tests goes into Target(seams=...)
P201 | schema                 | a value does not have the type that the state's schema declares | Return what the schema declares, or correct the schema
P202 | reducer-initialised    | a field with a reducer is initialised with an empty value | Leave the field out; LangGraph begins it itself
P203 | not-grown              | a field that only grows has shrunk or was rewritten | Return only what is new and let the reducer add it; never change the state in place
P204 | projection             | the application's own copy of the state differs from the checkpoint | Fold each update into the copy by the schema's own reducers, or load it from the checkpoint
P205 | invariant              | an invariant of the application does not hold | Find the node whose update broke it: it is named at the beginning of this line
P206 | unknown-field          | a node returns, or the input holds, a field the state does not have, and LangGraph drops it silently | Declare the field in the state's schema, or correct its name
P207 | not-plain              | a value does not survive strict msgpack: it comes back as something else | Keep plain data in the state, or name the type in the state's schema
P301 | interrupt-swallowed    | a node's interrupt never reached the entry point, and nobody was asked | Let GraphBubbleUp pass: put `except GraphBubbleUp: raise` before `except Exception`
P302 | stale-answer           | an answer to a question that was not waiting was accepted | Compare the answer's id with get_state(config).interrupts before resuming
P303 | question-not-plain     | a question does not survive serialisation | Ask with plain data: strings, numbers, lists and dicts
P304 | unused-answer          | an answer was prepared for a question that was never asked | Correct the question's type, or take the answer out
P305 | missing-answer         | a question was asked that nobody answered | Give an answer for its type, or a default_answer in the Target
P306 | effect-repeated-on-ask | an effect before interrupt() happens again when the node is resumed | Ask first, or put the effect into a @task or a node of its own
P307 | answer-lost            | a question was asked again although its answer had been given | Resume by id: Command(resume={interrupt.id: answer})
P308 | wrong-answer           | an answer that the question does not offer was accepted, or changed the state | Check answers before resuming, and ask again
P401 | unclean-crash          | a fault left the state invalid | Return an update only when all of it is known; let the step fail otherwise
P402 | not-resumable          | the session cannot be resumed after a fault | Keep the failing step's error out of the state, and resume with stream(None, config)
P403 | fault-swallowed        | a fault was swallowed: the run says done, and a value is missing | Let the error pass, or record that the value is missing
P404 | error-lost             | the class of the error was lost on its way up | Raise from the cause, or let the error pass
P501 | crash-outcome          | the outcome after a crash differs from the run without one | Make nodes deterministic around their calls: no clock, no unseeded choice, no order of a set
P502 | effect-repeated        | an effect happened again after a crash | Give it a key by which the outside knows a repeat; a @task alone leaves the moment before its result is saved
P503 | call-repeated          | a finished call was made again after a crash | Put each call into a @task of its own
P504 | no-resume              | the session does not resume after a crash | Resume through the coordinator with stream(None, config) or the waiting question
P505 | stuck                  | the thread is stuck: nothing comes next, and it is not done | Route every case of the conditional edges to a node or to END, and do not rename nodes that threads wait at
P601 | stale-error            | an error is left in a finished session | Clear the error when the step that failed has succeeded
P602 | pending-task           | a task is left pending, with no question that it waits for | Let the coordinator run until the stream ends
P603 | memory                 | memory grew beyond the limit | Keep only what is needed between updates, or raise Target(memory_limit=...)
P604 | slow                   | it took longer than the limit | Replace slow parts outside the application, or raise Target(time_limit=...)
P605 | graph-changed          | the run changed the compiled graph | Build the graph once, and keep run-time data in the state
P606 | never-ends             | the graph does not end within its limit | Bound the loop in its conditional edge, or raise Target(superstep_limit=..., time_limit=...)
P607 | unseen-failure         | a run failed, and the test did not look at its outcome or error | Assert run.outcome, or what run.error should be
P701 | node-gone              | a node that recorded sessions know was renamed or removed | Keep the old name as a node, or migrate the waiting threads
P702 | output-changed         | a node's output differs from the recorded one | Record again if the change is meant
P703 | key-gone               | a state key that recorded sessions hold was renamed or removed | Keep the old key, or migrate the checkpoints
P704 | branch-dropped         | a branch that was recorded is not taken | Restore the edge, or record again if the change is meant
P705 | branch-added           | a branch is taken that was not recorded | Record again if the change is meant
P801 | budget-supersteps      | the run takes more supersteps than its baseline | Find what was added, or accept the new baseline
P802 | budget-writes          | the run writes to the checkpointer more often than its baseline | Find what was added, or accept the new baseline
P803 | budget-bytes           | the run stores more bytes than its baseline | Keep growing data out of fields that are stored whole, or accept the new baseline
P804 | budget-calls           | the run makes more model calls than its baseline | Find what was added, or accept the new baseline
P805 | budget-prompt          | prompts are larger than their baseline | Find what was added, or accept the new baseline
P900 | lint-suppression       | a comment suppresses nothing, or a rule that does not exist | Take the comment out, or correct the id
P901 | lint-invoke            | a test runs the graph by invoke() | Use parity.run() or the application's own entry point
P902 | lint-patched-internals | a test patches the application's internals | Patch what lies outside: create_provider, files, the clock
P903 | lint-state-check       | a test looks at single fields of the state only | Check the whole: validate_state_consistency(snapshot)
P904 | lint-no-human          | a test of a human step avoids its interrupt | Answer it: with mock_user_input(...)
P905 | lint-swallowed         | an except clause swallows GraphBubbleUp | Put `except GraphBubbleUp: raise` before it
P906 | lint-effect-first      | an effect stands before interrupt() and happens again on resume | Ask first, or put the effect into a @task or a node of its own
P907 | lint-initialised       | a field with a reducer is initialised with an empty value | Leave the field out; LangGraph begins it itself
"""  # fmt: skip


def _read(table: str) -> dict[str, Rule]:
    rows = ([cell.strip() for cell in line.split(" | ")] for line in table.strip().splitlines())
    return {row[0]: Rule(*row) for row in rows}


RULES: dict[str, Rule] = _read(_TABLE)
"""Every rule by its id."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the id of its rule, where, and what exactly."""

    rule: str
    where: str
    detail: str = ""

    def __str__(self) -> str:
        """One line: id, title, place, what is wrong, how to mend it."""
        rule = RULES[self.rule]
        detail = f" ({self.detail})" if self.detail else ""
        return f"{rule.id} {rule.title}  {self.where}: {rule.wrong}{detail}. {rule.mend}."


class ParityError(AssertionError):
    """Findings, one a line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: Sequence[Finding] = list(findings)
        super().__init__("\n".join(map(str, self.findings)))


class ParityUsageError(Exception):
    """The kit cannot work with what it was given; the message says what to do."""


def positive(name: str, number: object) -> None:
    """Refuse an option that is no whole number from 1."""
    if not isinstance(number, int) or number < 1:
        raise ParityUsageError(f"{name}={number!r} would test nothing. Give a whole number from 1.")


allowed: set[str] = set()
"""Rules that the running test may break."""


def switched_off() -> set[str]:
    """Rules whose findings are dropped in this process: ids in the environment variable `PARITY_WITHOUT`."""
    return set(os.environ.get("PARITY_WITHOUT", "").replace(",", " ").split())
