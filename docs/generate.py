"""The pages that are made from the program itself, so that they cannot be wrong: `make docs`.

`tests/test_docs.py` compares each with what is in the repository.
"""

from __future__ import annotations

import argparse
import ast
import html
import json
import os
from collections.abc import Iterator, Sequence
from functools import partial
from inspect import cleandoc, getsource
from itertools import groupby, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from langgraph_parity.covered import Covered
from langgraph_parity.declared import shape_of
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from reliability.attacks import ATTACKS, Attack
from reliability.faults import FAULTS, Cell, expected

from docs.picture import make_picture
from virtual_agora import errors, hitl
from virtual_agora.config.defaults import offline_panel
from virtual_agora.config.models import (
    AgentConfig,
    BudgetConfig,
    Caps,
    Config,
    PanelConfig,
    SessionConfig,
)
from virtual_agora.events import CallStarted, Event, Token
from virtual_agora.execution.session import Agora
from virtual_agora.flow.error_recovery import TABLE
from virtual_agora.flow.graph_v13 import NODES, VirtualAgoraV13Flow
from virtual_agora.main import parser
from virtual_agora.prompts import PROMPTS
from virtual_agora.providers.bounds import ENDURANCE, MAX_BODY, TIMEOUTS
from virtual_agora.providers.calls import MAX_ANSWER
from virtual_agora.providers.faults import LONGEST_WAIT
from virtual_agora.providers.vendors import VENDORS
from virtual_agora.reports.session_file import session_schema
from virtual_agora.studies.columns import COLUMNS
from virtual_agora.studies.design import Budget, Design, Question
from virtual_agora.testing import QUESTIONS, TARGET

__all__ = ["PAGES", "REFERENCE"]

DOCS = Path(__file__).parent
REFERENCE = DOCS / "reference"
NOTE = "<!-- Made by `make docs` from the program; edit the program instead. -->\n"


def command_line() -> str:
    """Every command's own help."""
    top = parser()
    (commands,) = (a for a in top._actions if isinstance(a, argparse._SubParsersAction))
    parts = [f"{NOTE}# Command line\n", _help(top)]
    for name, command in commands.choices.items():
        parts += [f"## virtual-agora {name}\n", _help(command)]
    parts.append(
        "## Exit codes\n\n| code | meaning |\n|---|---|\n| 0 | done |\n| 2 | bad usage or configuration |\n"
        "| 3 | the session waits for a human, or a study's budget is used up; the command to go on is printed |\n"
        "| 4 | failed; everything up to there is saved |\n| 130 | interrupted, by Ctrl-C, SIGTERM or a terminal that went away; everything is saved |\n"
    )
    return "\n".join(parts)


def configuration() -> str:
    """Every key of a configuration, with its type and default."""
    parts = [f"{NOTE}# Configuration\n"]
    for title, model in (
        ("The file", Config),
        ("`session`", SessionConfig),
        ("`budget`", BudgetConfig),
        ("`budget.topic`", Caps),
        ("`moderator`, `summarizer`, `report_writer`", AgentConfig),
        ("Each of `agents`", PanelConfig),
    ):
        parts += [f"## {title}\n", *_fields(model), ""]
    parts += ["## Providers\n", *_providers(), ""]
    return "\n".join(parts)


def studies() -> str:
    """Every key of a study's design, and every column of its table."""
    parts = [
        f"{NOTE}# Studies\n",
        "[How to make one](../how-to/studies.md). Names are of small letters, digits, “-” and “_”.\n",
    ]
    for title, model in (
        ("The design", Design),
        ("Each of `questions`", Question),
        ("`budget`", Budget),
    ):
        parts += [f"## {title}\n", *_fields(model), ""]
    parts += [
        "Each of `panels` has the keys of [a configuration](configuration.md); each of `rules` has those of its `session` "
        "but for `seed`, which is a factor of its own.\n",
        "## The table\n",
        "One row for each topic that a session has closed; a session that has closed none has one row without a topic. "
        "What is said of the session, up to `unsupported_claims`, is the same in all its rows. An empty field means that "
        "there is nothing to say, never zero. [How the measures are defined](../measures.md).\n",
        "| column | type | |",
        "|---|---|---|",
        *(f"| `{column.name}` | {column.kind} | {column.about} |" for column in COLUMNS),
        "",
    ]
    return "\n".join(parts)


def protocol() -> str:
    """The graph as it is compiled, and the phase of every step."""
    graph = VirtualAgoraV13Flow(offline_panel()).graph.get_graph()
    rows = [f"| {phase} | `{name}` |" for name, phase in NODES.items()]
    return "\n".join(
        [
            f"{NOTE}# The protocol's graph\n",
            "Dotted lines are choices; `virtual_agora/flow/edges_v13.py` makes them.\n",
            "```mermaid",
            graph.draw_mermaid().strip(),
            "```\n",
            "| phase | step |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def questions() -> str:
    """Every question a session can ask."""
    parts = [f"{NOTE}# Questions\n", cleandoc(hitl.__doc__ or "") + "\n"]
    for question in QUESTIONS:
        facts = [key for key in question if key not in ("type", "message", "options", "default")]
        parts += [
            f"## `{question['type']}`\n",
            f"“{question['message']}” Facts: {', '.join(f'`{fact}`' for fact in facts)}.\n",
            "| action | what it does | |",
            "|---|---|---|",
            *(
                f"| `{action}` | {what} | {'default' if action == question['default'] else ''} |"
                for action, what in question["options"].items()
            ),
            "",
        ]
    return "\n".join(parts)


def failures() -> str:
    """The exceptions, and what follows from each."""
    tree = (errors.__doc__ or "").split("\n\n")[1]
    rows = [
        f"| {', '.join(f'`{error.__name__}`' for error in rule.errors)} | {rule.attempts} | `{rule.action}` |"
        for rule in TABLE
    ]
    return "\n".join(
        [
            f"{NOTE}# Errors\n",
            _code(tree),
            "\n## What follows\n",
            "The first row that fits applies; `virtual_agora/flow/error_recovery.py` says what the actions do.\n",
            "| error | attempts in all | then |",
            "|---|---|---|",
            *rows,
            "\n## Faults of providers\n",
            f"A wait that a provider asks for is obeyed up to {LONGEST_WAIT:.0f} seconds; a longer one is put to the user at once. An "
            f"answer may take {TIMEOUTS} times the agent's `timeout`, or {ENDURANCE:,.0f} seconds if that is more, and {MAX_BODY // 1_000_000} MB, and its text {MAX_ANSWER:,} characters; then "
            "the connection is closed. Answers are asked for uncompressed, and a compressed one is not unpacked. Redirects are not followed, since the key would go along. Other roles than participants are never "
            "skipped: the user is asked. `python -m reliability faults` tries each fault with every vendor's SDK in every step.\n",
            "| fault | | error | attempts in all | a participant | another role |",
            "|---|---|---|---|---|---|",
            *map(_fault, FAULTS),
            "",
        ]
    )


def _fault(name: str) -> str:
    error = FAULTS[name].error
    (vote, attempts), (role, _) = (
        expected(Cell("anthropic", name, step)) for step in ("agenda_voting", "collate_proposals")
    )
    amounts_to = f"`{error.__name__}`" if error else "–"
    return f"| {name} | {FAULTS[name].what} | {amounts_to} | {attempts} | {vote} | {role} |"


def prompts() -> str:
    """Every prompt, whole."""
    folder = DOCS.parent / "src" / "virtual_agora" / "prompts"
    parts = [
        f"{NOTE}# Prompts\n",
        "A folder named by `prompts:` in the configuration replaces these, file by file. `$name` is filled in.\n",
    ]
    for task, names in PROMPTS.items():
        values = ", ".join(f"`${name}`" for name in names) or "none"
        text = (folder / f"{task}.md").read_text(encoding="utf-8").strip()
        parts += [f"## `{task}.md`\n", f"Values: {values}\n", _code(text, "markdown")]
    return "\n".join(parts)


def coverage() -> str:
    """What the production suite has to go through."""
    covered = Covered()
    covered.declare(TARGET, shape_of(VirtualAgoraV13Flow(offline_panel()).graph))
    kinds = {
        "nodes": "Steps",
        "edges": "Ways between steps",
        "answers": "Answers to questions",
        "variants": "Variants",
    }
    parts = [
        f"{NOTE}# Coverage of the protocol\n",
        "`make test` fails while one of these is not gone through by the sessions in `tests/production/`, held through the "
        "coordinator with real checkpoints, or while a way is taken that is not here. How often each was taken is in "
        "`.parity/coverage.html`, which it writes.\n",
        *(f"- {title}: {covered.share(kind)[1]}" for kind, title in kinds.items()),
    ]
    for kind, title in kinds.items():
        cells = (" → ".join(cell) for cell in sorted(covered.possible(kind)))
        parts += [f"\n## {title}\n", *(f"- {cell.replace('__', '')}" for cell in cells)]
    return "\n".join([*parts, ""])


def attacks() -> str:
    """Every attack that is tried."""
    parts = [
        f"{NOTE}# Attacks\n",
        "What is tried by `make test`, and must not come out. [What is protected, and what is not](../security.md).\n",
        "Letters that are not ASCII, or that nobody sees, are written by their codes.\n",
    ]
    for aims, group in groupby(ATTACKS, key=lambda attack: attack.aims):
        rows = list(group)
        parts.append(f"## {aims.capitalize()}\n")
        if len({(attack.goes_in, attack.must_not) for attack in rows}) == 1:
            parts += [f"Goes in: {rows[0].goes_in}. Must not come out: {rows[0].must_not}.\n"]
            parts += ["| attack | payload |", "|---|---|"]
            parts += [f"| {attack.name} | {_payload(attack)} |" for attack in rows]
        else:
            parts += ["| attack | payload | must not come out |", "|---|---|---|"]
            parts += [f"| {a.name} | {_payload(a)} | {a.must_not} |" for a in rows]
        parts.append("")
    return "\n".join(parts)


def _payload(attack: Attack) -> str:
    """A payload as code in a table's cell, in which nothing of it is Markdown."""
    written = attack.payload if "→" in attack.payload else ascii(attack.payload)[1:-1]
    shown = written if len(written) <= 100 else f"{written[:99]}…"
    marks = {mark: f"&#{ord(mark)};" for mark in "|`*_[]\\"}
    return f"<code>{html.escape(shown).translate(str.maketrans(marks))}</code>"


def schema() -> str:
    """The JSON Schema of a session's `session.json`."""
    schema = session_schema()
    for model in (AgentConfig, PanelConfig, SessionConfig, Caps, BudgetConfig, Config):
        for name, said in _told(model).items():
            fields = schema["$defs"][model.__name__]["properties"]
            fields[name] = dict(sorted({**fields[name], "description": said}.items()))
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


PAGES = {
    "command-line.md": command_line,
    "configuration.md": configuration,
    "studies.md": studies,
    "protocol-graph.md": protocol,
    "questions.md": questions,
    "errors.md": failures,
    "prompts.md": prompts,
    "coverage.md": coverage,
    "attacks.md": attacks,
    "session.schema.json": schema,
}
"""The pages of `docs/reference`."""


def _help(command: argparse.ArgumentParser) -> str:
    command.formatter_class = partial(argparse.HelpFormatter, width=100)  # type: ignore[assignment]
    return _code(command.format_help())


def _code(text: str, language: str = "text") -> str:
    return f"````{language}\n{text.strip(chr(10))}\n````\n"


def _fields(model: type[BaseModel]) -> Iterator[str]:
    yield f"{cleandoc(model.__doc__ or '')}\n"
    yield "| key | | type | default |"
    yield "|---|---|---|---|"
    told = _told(model)
    for name, field in model.model_fields.items():
        default = "required" if field.default is PydanticUndefined else _shown(field.default)
        yield f"| `{name}` | {told[name]} | {_type(field.annotation)} | {default} |"


def _told(model: type[BaseModel]) -> dict[str, str]:
    """What the source says below each field. Pydantic could find it out too, but would whenever the program starts."""
    found = {}
    for base in model.__mro__[model.__mro__.index(BaseModel) - 1 :: -1]:
        body = ast.parse(getsource(base)).body[0].body  # type: ignore[attr-defined]
        for pair in pairwise(body):
            match pair:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(said))),
                ):
                    found[name] = cleandoc(said)
    return found


def _type(annotation: Any) -> str:
    """A type in words a user of YAML would use."""
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    if get_origin(annotation) is dict:
        return "named entries"
    if get_origin(annotation) is Sequence:
        return "whole number or list"
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    if len(kinds) == 1 and get_origin(kinds[0]) is Literal:
        return _type(kinds[0])
    words = {str: "text", int: "whole number", float: "number"}
    return " or ".join(words.get(kind, "as below") for kind in kinds)


def _shown(default: Any) -> str:
    match default:
        case None | BaseModel() | dict() | ():
            return "–"
        case range():
            return f"`{len(default)}`"
    return f"`{default}`"


def _providers() -> Iterator[str]:
    yield "| `provider` | key | installed with |"
    yield "|---|---|---|"
    for vendor in VENDORS.values():
        keys = " or ".join(f"`{key}`" for key in vendor.keys) or "–"
        extra = f"`pip install 'virtual-agora[{vendor.extra}]'`" if vendor.extra else "–"
        yield f"| `{vendor.name}` | {keys}{'' if vendor.key_required or not vendor.keys else ' (optional)'} | {extra} |"


def picture(path: Path) -> None:
    """A session of the offline panel, as the terminal shows it in the middle of a round."""
    with TemporaryDirectory() as folder, Agora(Path(folder)) as agora:
        config = offline_panel().model_copy(update={"session": SessionConfig(seed=7)})
        theme = "Should a city of 200,000 make its public transport free?"
        session = agora.create(
            config, theme=theme, reports_dir=Path(folder), session_id="free-transport"
        )
        events: list[Event] = []
        agora.run_leg(session, hitl.default_answer, listener=events.append)
    rounds = [
        n for n, e in enumerate(events) if isinstance(e, CallStarted) and e.task == "statement"
    ]
    tokens = [n for n, e in enumerate(events) if isinstance(e, Token) and n > rounds[2]]
    make_picture(events[: tokens[1] + 1], path)


def main() -> None:
    """Write every page."""
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0.06"  # long enough to be caught in the middle
    picture(DOCS / "pictures" / "session.svg")
    os.environ["VIRTUAL_AGORA_OFFLINE_LATENCY"] = "0"
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
