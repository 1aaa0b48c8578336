"""`parity lint`: finds in source text what keeps tests from going down the path of production.

Nothing is imported or run. A finding is suppressed by a comment on its line, with a reason if you like:

    result = graph.invoke(state)  # parity: ignore[P901] the library's own shape is tested here
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from langgraph_parity.lint.graphs import Graphs
from langgraph_parity.lint.in_nodes import in_nodes
from langgraph_parity.lint.in_tests import in_tests
from langgraph_parity.lint.source import Source, Told
from langgraph_parity.lint.sources import LintError, read
from langgraph_parity.rules import Finding

__all__ = ["LintError", "add_arguments", "lint", "main"]

IDS = frozenset(f"P90{number}" for number in range(1, 8))
UNUSED = "P900"

SUPPRESSION = re.compile(r"#\s*parity:\s*ignore\b(?:\[(?P<ids>[^\]]*)\])?")


def lint(
    paths: Iterable[str | Path], *, packages: Sequence[str] = (), seams: Sequence[str] = ()
) -> list[Finding]:
    """Findings in the Python files at or under `paths`, by file and line.

    `packages` are the application's top-level packages; without them, every package found that is no test.
    `seams` are names of its own that tests may patch, in full or the last part, with `*`.

    Raises:
        LintError: a path does not exist or holds no Python file, or a file does not parse.
    """
    sources = read([Path(path) for path in paths], packages)
    graphs = Graphs(sources)
    told: dict[tuple[Source, int, str], ast.AST] = {}
    details: dict[tuple[Source, int, str], str] = {}
    found: list[Told] = [*in_tests(graphs, seams), *in_nodes(graphs)]
    for rule, source, node, detail in found:
        key = (source, node.lineno, rule)  # type: ignore[attr-defined]
        told.setdefault(key, node)
        details.setdefault(key, detail)
    findings = []
    for source in sources:
        notes = {line: _suppressed(comment) for line, comment in source.comments.items()}
        notes = {line: ids for line, ids in notes.items() if ids is not None}
        used: set[tuple[int, str]] = set()
        for (of, line, rule), node in told.items():
            if of is source:
                by = [n for n in _lines(node) if n in notes and rule in (notes[n] or IDS)]
                used |= {(n, rule) for n in by}
                if not by:
                    where = f"{source.path}:{line}"
                    findings.append(
                        (
                            source,
                            line,
                            Finding(rule=rule, where=where, detail=details[of, line, rule]),
                        )
                    )
        for line, detail in _useless(notes, used):
            where = f"{source.path}:{line}"
            findings.append((source, line, Finding(rule=UNUSED, where=where, detail=detail)))
    findings.sort(key=lambda item: (str(item[0].path), item[1], item[2].rule))
    return [finding for _, _, finding in findings]


def _suppressed(comment: str) -> list[str] | None:
    """The ids that a comment suppresses, empty: all; None if it is no suppression."""
    match = SUPPRESSION.search(comment)
    if match is None:
        return None
    return [one.strip() for one in (match["ids"] or "").split(",") if one.strip()]


def _lines(node: ast.AST) -> range:
    if isinstance(node, ast.excepthandler):
        return range(node.lineno, node.lineno + 1)
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)  # type: ignore[attr-defined]


def _useless(
    notes: dict[int, list[str] | None], used: set[tuple[int, str]]
) -> Iterator[tuple[int, str]]:
    for line, ids in notes.items():
        for one in ids or ():
            if one not in IDS:
                yield (
                    line,
                    f"`{one}` is no rule of the linter. Name one of {', '.join(sorted(IDS))}.",
                )
            elif (line, one) not in used:
                yield line, f"Nothing here breaks {one}. Remove it from the comment."
        if not ids and not any(at == line for at, _ in used):
            yield line, "Nothing here breaks a rule. Remove the comment."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("paths", nargs="+", type=Path, help="files and folders, tests and sources")
    parser.add_argument(
        "--package",
        action="append",
        default=[],
        help="a top-level package of the application (default: every one found)",
    )
    parser.add_argument(
        "--seam",
        action="append",
        default=[],
        help="a name of the application that tests may patch, e.g. `get_settings` or `app.mail.*`",
    )


def main(arguments: argparse.Namespace) -> int:
    """Print findings; 0: none, 1: some, 2: what was named cannot be linted."""
    try:
        findings = lint(arguments.paths, packages=arguments.package, seams=arguments.seam)
    except LintError as error:
        print(error, file=sys.stderr)
        return 2
    for finding in findings:
        print(f"{finding.where}: {finding.rule} {finding.detail}")
    return int(bool(findings))
