"""Which calls do something to the world, and which of them a question makes happen again."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from langgraph_parity.lint.graphs import Graphs
from langgraph_parity.lint.source import Source, dotted, within
from langgraph_parity.lint.sources import Sources

__all__ = ["Course", "effect"]

FUNCTIONS = re.compile(
    r"(requests|httpx|httpx2)\.(post|put|patch|delete)"
    r"|subprocess\.(run|call|check_call|check_output|Popen)"
    r"|asyncio\.create_subprocess_(exec|shell)"
    r"|os\.(system|remove|unlink|rename|replace|rmdir|removedirs)"
    r"|shutil\.(copy|copy2|copyfile|copytree|move|rmtree)"
)
METHODS = {"write_text", "write_bytes", "unlink", "sendmail", "commit", "executemany", "post"}
SENDS = re.compile(r"_*send_?(e?mail|sms|message|notification|invoice|webhook|request)?s?")
SENDERS = re.compile(r"\w*(client|bot|mail|mailer|smtp|socket|sock|ws|slack|connection|producer)")
TABLES = re.compile(r"\s*(insert|update|delete|create|drop|alter|replace|merge)\b", re.IGNORECASE)
WRITING = re.compile(r"[rbt+U]*[wax][rbt+]*|r[bt]*\+[bt]*")


def effect(sources: Sources, source: Source, call: ast.Call) -> bool:
    """Whether a call writes a file, sends something, runs a process or changes a database."""
    name = sources.resolve(source, call.func)
    if name in ("open", "io.open", "codecs.open", "aiofiles.open"):
        return _writes(call, 1)
    if FUNCTIONS.fullmatch(name):
        return True
    if not isinstance(call.func, ast.Attribute):
        return bool(re.fullmatch(r"_*send_\w+", name) and SENDS.fullmatch(name))
    method = call.func.attr
    holder = dotted(call.func.value).split(".")[-1].lower()
    if method == "open":
        return "path" in holder and _writes(call, 0)
    if method == "execute":
        return bool(call.args) and bool(TABLES.match(_text(call.args[0])))
    if method == "send":
        return bool(SENDERS.fullmatch(holder))
    return method in METHODS or bool(re.match(r"_*send_", method) and SENDS.fullmatch(method))


def _writes(call: ast.Call, place: int) -> bool:
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"]
    modes += call.args[place : place + 1]
    return any(bool(WRITING.fullmatch(_text(mode))) for mode in modes)


def _text(node: ast.AST) -> str:
    """The text of a literal, or what an f-string or `text(…)` begins with."""
    if isinstance(node, ast.Call) and node.args:
        return _text(node.args[0])
    if isinstance(node, ast.JoinedStr) and node.values:
        return _text(node.values[0])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


class Course:
    """Goes through a function in the order in which it runs, with the effects that came before."""

    def __init__(self, graphs: Graphs, source: Source) -> None:
        self.graphs = graphs
        self.source = source
        self.repeated: list[ast.Call] = []

    def run(self, body: Sequence[ast.stmt], before: list[ast.Call]) -> list[ast.Call] | None:
        """The effects behind us after `body`; None if nothing comes after it."""
        for statement in body:
            after = self._step(statement, before)
            if after is None:
                return None
            before = after
        return before

    def _step(self, node: ast.stmt, before: list[ast.Call]) -> list[ast.Call] | None:
        match node:
            case ast.If(test=test, body=body, orelse=orelse):
                before = self._look(test, before)
                return _joined(self.run(body, list(before)), self.run(orelse, list(before)))
            case ast.Match(subject=subject, cases=cases):
                before = self._look(subject, before)
                return _joined(before, *(self.run(case.body, list(before)) for case in cases))
            case ast.For() | ast.AsyncFor() | ast.While():
                head = node.test if isinstance(node, ast.While) else node.iter
                before = self._look(head, before)
                once = self.run(node.body, list(before))
                twice = self.run(node.body, list(once)) if once is not None else None
                return self.run(node.orelse, _joined(before, once, twice) or [])
            case ast.Try() | ast.TryStar():
                tried = self.run([*node.body, *node.orelse], list(before))
                ways = [self.run(handler.body, list(before)) for handler in node.handlers]
                joined = _joined(tried, *ways)
                last = self.run(node.finalbody, list(joined or before))
                return None if joined is None else last
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    before = self._look(item.context_expr, before)
                return self.run(node.body, before)
            case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
                self._look(node, before)
                return None
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return before
        return self._look(node, before)

    def _look(self, node: ast.AST, before: list[ast.Call]) -> list[ast.Call]:
        for inner in within(node):
            if self.graphs.asks(self.source, inner):
                self.repeated += [call for call in before if call not in self.repeated]
        for inner in within(node):
            if isinstance(inner, ast.Call) and effect(self.graphs.sources, self.source, inner):
                before = [*before, inner]
        return before


def _joined(*ways: list[ast.Call] | None) -> list[ast.Call] | None:
    open_ways = [way for way in ways if way is not None]
    if not open_ways:
        return None
    return list(dict.fromkeys(call for way in open_ways for call in way))
