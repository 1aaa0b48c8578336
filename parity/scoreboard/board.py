"""Seeds bugs into copies of their applications, runs both suites on each, and says which of them notice."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from langgraph_parity import RULES
from scoreboard.bugs import Bug

__all__ = ["Row", "ablation", "ablation_table", "clean", "rows", "table"]

HERE = Path(__file__).parent
KIT = HERE.parent / "src"
AGORA = HERE.parent.parent / "src" / "virtual_agora"
WORKERS = 2
TIMEOUT = 900
"""Seconds for one suite: so many that a busy machine decides nothing."""
FINDING = re.compile(rf"\b({'|'.join(f'{r.id} {re.escape(r.title)}' for r in RULES.values())})  ")


@dataclass
class Row:
    """What the suites said about one bug."""

    bug: Bug
    found: list[str] = field(default_factory=list)
    """Rules among the kit's findings."""
    failed: bool = False
    """The kit's suite failed, by whatever."""
    plain: bool = False
    """The plain suite failed."""
    output: str = ""

    @property
    def caught(self) -> bool:
        """By the rule that is to name it."""
        return self.failed and self.bug.rule in self.found


def rows(
    bugs: Iterable[Bug], *, without: str = "", plain: bool = True, tests: str = ""
) -> list[Row]:
    """Try bugs, some at a time.

    `without` is a rule that is switched off; `tests` chooses among the kit's tests as pytest's -k does.
    """
    bugs = list(bugs)
    for app in {bug.app for bug in bugs}:
        prepared(app)
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda bug: _row(bug, without, plain, tests), bugs))


def ablation(bugs: Iterable[Bug], *, tests: str = "") -> dict[str, Row]:
    """For each rule, a row that turns red when the rule is switched off; the last one tried if none does."""
    by_rule: dict[str, list[Bug]] = {}
    for bug in bugs:
        by_rule.setdefault(bug.rule, []).append(bug)
        prepared(bug.app)

    def one(rule: str) -> Row:
        for bug in by_rule[rule]:
            row = _row(bug, rule, False, tests)
            if not row.caught:
                break
        return row

    with ThreadPoolExecutor(WORKERS) as pool:
        rules = sorted(by_rule)
        return dict(zip(rules, pool.map(one, rules), strict=True))


def clean(app: str, seeds: int) -> list[str]:
    """Run the kit's suite on the unpatched application once for each seed; a line for each that is not clean."""

    prepared(app)

    def one(seed: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            copy(app, Path(folder))
            code, output = _pytest(Path(folder), "test_parity.py", seed=seed)
        lines = "\n    ".join(line for line in output.splitlines() if FINDING.search(line))
        return "" if code == 0 else f"{app}, seed {seed}: {lines or output[-2000:]}"

    with ThreadPoolExecutor(WORKERS) as pool:
        return [said for said in pool.map(one, range(seeds)) if said]


@functools.cache
def prepared(app: str) -> Path:
    """The application and its suites, with histories and a baseline of the code as it is."""
    folder = Path(tempfile.mkdtemp(prefix=f"scoreboard-{app}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE / app, folder, dirs_exist_ok=True, ignore=ignored)
    if app == "agora":
        shutil.copytree(AGORA, folder / "virtual_agora", ignore=ignored)
    subprocess.run([sys.executable, "record.py"], cwd=folder, env=_environment(folder), check=True)
    code, output = _pytest(folder, "test_parity.py", "-k", "budget", "--parity-update-baseline")
    if code:
        raise RuntimeError(f"{app} has no baseline: {output}")
    return folder


def copy(app: str, folder: Path) -> None:
    """A copy to seed a bug into."""
    shutil.copytree(prepared(app), folder, dirs_exist_ok=True)


def patch(folder: Path, bug: Bug) -> None:
    """Seed the bug.

    Raises:
        ValueError: the text it changes does not stand there exactly once.
    """
    for name, old, new in bug.changes:
        text = (folder / name).read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{bug.app} {bug.name}: {name} has {text.count(old)} times {old!r}.")
        (folder / name).write_text(text.replace(old, new), encoding="utf-8")


def table(made: Sequence[Row]) -> str:
    """As Markdown."""
    lines = [
        "| application | bug | what went wrong | rule | caught by the kit | caught by plain pytest |",
        "|---|---|---|---|---|---|",
    ]
    for row in made:
        bug, others = row.bug, [rule for rule in row.found if rule != row.bug.rule]
        kit = "yes" if row.caught else "**no**"
        kit += f" (also {', '.join(others)})" if others and row.caught else f" ({', '.join(others) or 'nothing'})" if not row.caught else ""  # fmt: skip
        name = f"{bug.rule} {RULES[bug.rule].title}"
        lines.append(f"| {bug.app} | {bug.name} | {bug.story} | {name} | {kit} | {'yes' if row.plain else 'no'} |")  # fmt: skip
    return "\n".join(lines)


def ablation_table(made: Mapping[str, Row]) -> str:
    """As Markdown."""
    lines = ["| rule switched off | bug | turns red | what else notices |", "|---|---|---|---|"]
    for rule, row in made.items():
        others = ", ".join(row.found) or ("a failing test" if row.failed else "nothing")
        red = "**no**" if row.caught else "yes"
        lines.append(f"| {rule} {RULES[rule].title} | {row.bug.app} {row.bug.name} | {red} | {others} |")  # fmt: skip
    return "\n".join(lines)


def _row(bug: Bug, without: str, plain: bool, tests: str) -> Row:
    row = Row(bug)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy(bug.app, folder)
        patch(folder, bug)
        code, row.output = _pytest(folder, "test_parity.py", "-k", tests, without=without)
        row.failed = code != 0
        row.found = sorted({match[1][:4] for match in FINDING.finditer(row.output)})
        if plain:
            row.plain = _pytest(folder, "test_plain.py", kit=False)[0] != 0
    off = f" without {without}" if without else ""
    print(f"{bug.app} {bug.name}{off}: {'caught by' if row.caught else 'no'} {bug.rule} of {row.found}", file=sys.stderr, flush=True)  # fmt: skip
    return row


def _pytest(
    folder: Path, suite: str, *more: str, kit: bool = True, seed: int = 0, without: str = ""
) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", "-p", "no:cacheprovider", "-q", "--tb=short", suite]  # fmt: skip
    command += ["-p", "langgraph_parity.plugin", f"--parity-seed={seed}"] if kit else []
    env = _environment(folder) | {"PARITY_WITHOUT": without}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([*command, *more], cwd=folder, env=env, stdout=output, stderr=output)  # fmt: skip
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            code = -process.wait()
        output.seek(0)
        return code, output.read()


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(KIT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "VIRTUAL_AGORA_OFFLINE_LATENCY": "0",
        "VIRTUAL_AGORA_HOME": str(folder / "home"),
    }
