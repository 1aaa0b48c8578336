"""Other deliberations and ours, against the same server in the same run: what each takes, and what a kill leaves of it.

    python -m benchmarks peers

Every peer is installed into an environment of its own from `benchmarks/peer/locks/`, and driven by its module in `benchmarks/peer/`.
"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peer.environments import LOCKS, ROOT, Unusable, python
from benchmarks.peer.lives import LATENCY, held, killed

OURS = "Virtual Agora"
PEERS = {
    OURS: "ours",
    "agent-council": "agent_council",
    "llm-parliament": "llm_parliament",
    "llm-council-core": "llm_council_core",
    "aragora-debate": "aragora_debate",
    "autogen-agentchat": "autogen_chat",
    "agent-framework-core": "agent_framework_chat",
    "crewai": "crewai_crew",
    "consensus-app": "consensus_app",
}
"""The modules in `benchmarks.peer` that drive them."""
RUNS = 5
SHARES = (0.25, 0.5, 0.75)
"""How much of a deliberation is answered when it is killed."""
BARE = """
import json, time
began = time.monotonic()
import langgraph.graph, langgraph.checkpoint.sqlite, langchain_openai
from benchmarks.peer.run import peak_mb
print(json.dumps({"start": time.monotonic() - began, "peak_mb": peak_mb()}))
"""
"""What ours stands on, imported by itself."""

Row = dict[str, Any]


# -- measuring ------------------------------------------------------------------------------------------


def measure() -> dict[str, Any]:
    """Install the peers, hold every deliberation in turn several times, and kill it several times."""
    peers = {name: introduced(name) for name in PEERS}
    bare = []
    run_all(peers, "installed", lambda name, peer: _interpreter(name))
    for _ in range(RUNS):
        bare.append(_bare())
        run_all(peers, "run", _hold)
    run_all(peers, "killed", _kill)
    found = {"peers": peers, "bare": bare, "latency": LATENCY, "runs": RUNS, "shares": SHARES}
    print(_table(found))
    return found


def run_all(peers: dict[str, Any], done: str, do: Callable[[str, Any], object]) -> None:
    """Do something with every peer that is usable so far; one with which it cannot be `done` has its `error` from then on."""
    for name, peer in peers.items():
        if peer["error"]:
            continue
        try:
            do(name, peer)
        except Unusable as error:
            peer["error"] = f"could not be {done}: `{error}`"
            print(f"{name} {peer['error']}", flush=True)


def introduced(name: str) -> dict[str, Any]:
    """A peer of which nothing is found yet."""
    module = importlib.import_module(f"benchmarks.peer.{PEERS[name]}")
    return {
        "what": (module.__doc__ or "").strip().partition(": ")[2],
        "version": "" if name == OURS else _version(name),
        "depth": module.DEPTH,
        "why": module.WHY,
        "resumes": module.RESUMES,
        "runs": [],
        "kills": [],
        "error": "",
    }


def _version(name: str) -> str:
    lock = (LOCKS / f"{PEERS[name]}.txt").read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(name)}==(\S+)", lock, re.MULTILINE)
    assert found is not None, name
    return found[1]


def _interpreter(name: str) -> Path:
    return Path(sys.executable) if name == OURS else python(PEERS[name])


def _hold(name: str, peer: dict[str, Any]) -> None:
    peer["runs"].append(held(PEERS[name], _interpreter(name)))
    print(".", end="", flush=True)


def _kill(name: str, peer: dict[str, Any]) -> None:
    calls = int(median(run["calls"] for run in peer["runs"]))
    for share in SHARES:
        peer["kills"].append(killed(PEERS[name], _interpreter(name), calls, share))
        print("x", end="", flush=True)


def _bare() -> dict[str, float]:
    ran = subprocess.run(
        [sys.executable, "-c", BARE], cwd=ROOT, check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(ran.stdout)
    return found


# -- telling --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column of the table. `of` is a peer's figure, rounded as it is `shown`; the least is the best, or the `most`.

    `why` says why ours is not the best where it is not.
    """

    title: str
    of: Callable[[Row], float]
    shown: str
    why: str
    most: bool = False

    def best(self, rows: Mapping[str, Row]) -> float:
        """The best figure of all."""
        return (max if self.most else min)(map(self.of, rows.values()))

    def cell(self, row: Row, rows: Mapping[str, Row]) -> str:
        """The figure, in bold where none is better."""
        shown = self.text(row)
        return f"**{shown}**" if self.of(row) == self.best(rows) else shown

    def text(self, row: Row) -> str:
        """The figure as it is shown."""
        return self.shown.format(self.of(row), **row)


COLUMNS = (
    Column(
        "calls",
        lambda row: row["calls"],
        "{:.0f}",
        "every round is summed up, the end of the topic is polled, and two reports are written, in sections",
    ),
    Column(
        "at once", lambda row: row["at_once"], "{:.0f}", "those who speak hear each other", True
    ),
    Column(
        "span ÷ (latency × depth)",
        lambda row: round(row["ratio"], 2),
        "{:.2f} ({ratio_least:.2f} to {ratio_most:.2f})",
        "every step is on the disk before the next one begins",
    ),
    Column(
        "CPU per call, ms",
        lambda row: round(row["cpu"] * 1000),
        "{:.0f}",
        "every answer is streamed, word by word, where the others wait for the whole, and every call and every step is saved",
    ),
    Column(
        "peak memory, MB",
        lambda row: round(row["peak_mb"]),
        "{:.0f}",
        "LangGraph, its SQLite saver and the vendor's integration take {bare_mb:.0f} MB by themselves",
    ),
    Column(
        "start, s",
        lambda row: round(row["start"], 2),
        "{:.2f}",
        "to import LangGraph, its SQLite saver and the vendor's integration takes {bare_start:.2f} s by itself",
    ),
    Column(
        "repeated after `kill -9`",
        lambda row: row["repeated"] + row["left_out"],
        "{repeated} of {answered}{and_left_out}",
        "an answer that is being saved when the kill comes is asked for again",
    ),
)


def section(found: dict[str, Any]) -> str:
    """The table, what was held, and where ours is not the best, as Markdown."""
    rows = figures(found)
    lost = "\n".join(f"- **{name}** {peer['error']}" for name, peer in _unusable(found).items())
    return f"""## Peers

Three agents deliberate through each peer's own public interface, with one server that speaks OpenAI's API and takes {found["latency"] * 1000:.0f} ms for every answer. Each
peer has a Python environment of its own, from pinned files. Medians of {found["runs"]} runs of all in turn; bold where none is better.

{_table(found)}

{lost}

{_verdict(found, rows)}

### What each holds, and how it is measured

{_held_what(found)}

- Everything but CPU, memory and start is read from the server's log, which has when each call came and when its answer was complete.
- *Depth* is how many calls must follow one another in the deliberation as the peer's own documentation has it: so a peer that makes calls one after the
  other which it says it makes at once is charged for that. *In sequence* is the longest chain of calls in the log of which each came when the one before it was answered.
- *Span* is from the first call to the last answer, *latency* what the server took for a call in the median.
- Every process holds the deliberation twice. The second is measured; *start* is the time to import, and what the first took longer than the second, so that what is
  imported late counts too. *CPU* is that of the process, *peak memory* that until the first deliberation is done.
- For the last column each was killed {len(found["shares"])} times, when {_list([f"{share:.0%}" for share in found["shares"]])} of its calls had been answered, and then run again in the way in which its
  documentation has it gone on with. It was killed between two answers, half a latency after one, also among calls made at once: there the server took twice as long for the second, and
  so on, as models do not answer all at once. Counted are answers that had been received and that
  it asked for again, and calls that nobody made. What was in flight at the kill does not count.
- Telemetry is off, and what is not on loopback goes to a proxy that nobody runs.
""".replace("\n\n\n\n", "\n\n")


def figures(found: Mapping[str, Any]) -> dict[str, Row]:
    """The usable peers' figures: medians of their runs, and sums over their kills."""
    return {name: _figures(peer) for name, peer in found["peers"].items() if not peer["error"]}


def _figures(peer: Mapping[str, Any]) -> Row:
    runs, kills = peer["runs"], peer["kills"]
    ratios = [run["span"] / (run["latency"] * peer["depth"]) for run in runs]
    sums = {
        name: sum(kill[name] for kill in kills) for name in ("answered", "repeated", "left_out")
    }
    return {
        **{name: median(run[name] for run in runs) for name in runs[0]},
        **sums,
        "depth": peer["depth"],
        "ratio": median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
        "and_left_out": f", {sums['left_out']} never made" if sums["left_out"] else "",
    }


def _table(found: Mapping[str, Any]) -> str:
    rows = figures(found)
    first, *others = COLUMNS
    titles = ["", first.title, "in sequence, of depth", *(column.title for column in others)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for name, row in rows.items():
        cells = [column.cell(row, rows) for column in COLUMNS]
        cells.insert(1, f"{row['in_sequence']:.0f} of {row['depth']}")
        version = found["peers"][name]["version"]
        lines.append(f"| {' | '.join([f'{name} {version}'.strip(), *cells])} |")
    return "\n".join(lines)


def _unusable(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: peer for name, peer in found["peers"].items() if peer["error"]}


def _verdict(found: Mapping[str, Any], rows: Mapping[str, Row]) -> str:
    ours = rows.get(OURS)
    if ours is None:
        return f"{OURS} itself could not be measured."
    bare = {
        "bare_mb": median(run["peak_mb"] for run in found["bare"]),
        "bare_start": median(run["start"] for run in found["bare"]),
    }
    behind = [column for column in COLUMNS if column.of(ours) != column.best(rows)]
    lines = [_keeping(found, rows), ""]
    if not behind:
        lines.append(f"{OURS} is best or equal in every column.")
    else:
        lines.append(
            f"{OURS} is best or equal in {len(COLUMNS) - len(behind)} of {len(COLUMNS)} columns. In the others:\n"
        )
        lines += [f"- {_behind(column, rows)}: {column.why.format(**bare)}." for column in behind]
    return "\n".join(lines)


def _keeping(found: Mapping[str, Any], rows: Mapping[str, Row]) -> str:
    keep = [name for name, row in rows.items() if not row["repeated"] + row["left_out"]]
    if keep == [OURS]:
        said = f"{OURS} is the only one that asks for nothing again that was answered before a kill, and leaves nothing out."
    else:
        said = f"Nothing that was answered before a kill is asked for again, and nothing is left out, by {_list(keep) or 'none'}."
    for name in rows:
        errors = [kill["error"] for kill in found["peers"][name]["kills"] if kill["error"]]
        if errors:
            said += f" {name} could not be gone on with after {len(errors)} of its kills: `{errors[-1]}`; all its answers count as repeated there."
    return said


def _behind(column: Column, rows: Mapping[str, Row]) -> str:
    ours, best = rows[OURS], column.best(rows)
    leaders = {name: row for name, row in rows.items() if column.of(row) == best}
    others = column.text(next(iter(leaders.values())))
    times = f", {column.of(ours) / best:.2g} times as much" if best else ""
    return f"**{column.title}**: {column.text(ours)}, {_list(list(leaders))} {others}{times}"


def _held_what(found: Mapping[str, Any]) -> str:
    lines = ["| | held | depth | gone on with by |", "|---|---|---|---|"]
    for name, peer in found["peers"].items():
        resumes = peer["resumes"] or "nothing documented: begun anew"
        lines.append(f"| {name} | {peer['what']} | {peer['depth']}: {peer['why']} | {resumes} |")
    return "\n".join(lines)


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
