"""The benchmark of peers: what is read from a server's log, and how it is told. No peer is installed here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from benchmarks import peers
from benchmarks.peer import environments
from benchmarks.peer.calls import shape
from benchmarks.peer.environments import Unusable, python
from benchmarks.peer.lives import held


def line(at: float, until: float) -> dict[str, float]:
    return {"at": at, "until": until}


def test_the_shape_of_a_deliberation_is_read_from_the_log() -> None:
    side_by_side = [line(0, 2), line(0, 2), line(0, 3)]
    found = shape([*side_by_side, line(3, 5), line(4, 6)])
    assert found == {"calls": 5, "at_once": 3, "in_sequence": 2, "span": 6, "latency": 2}


def run(span: float, cpu: float, peak_mb: float = 50.0) -> dict[str, float]:
    counts = {"calls": 4, "at_once": 3, "in_sequence": 2, "latency": 1.0, "start": 1.0}
    return {**counts, "span": span, "cpu": cpu, "peak_mb": peak_mb}


def kill(repeated: int, *, left_out: int = 0, error: str = "") -> dict[str, Any]:
    return {"answered": 2, "repeated": repeated, "left_out": left_out, "error": error}


def peer(depth: int, runs: list[Any], kills: list[Any], error: str = "") -> dict[str, Any]:
    told = {"what": "A talk.", "version": "1.0", "why": "so it is", "resumes": ""}
    return {**told, "depth": depth, "runs": runs, "kills": kills, "error": error}


@pytest.fixture
def found() -> dict[str, Any]:
    ours = [run(2.02, 0.03), run(2.08, 0.02), run(2.2, 0.09)]
    return {
        "peers": {
            peers.OURS: peer(2, ours, [kill(0), kill(0)]),
            "lean": peer(2, [run(2.4, 0.01)], [kill(2), kill(2, error="KeyError: 'x'")]),
            "lossy": peer(1, [run(2.5, 0.05)], [kill(0, left_out=1)]),
            "absent": peer(2, [], [], "could not be installed: `no such package`"),
        },
        "bare": [{"peak_mb": 70.0, "start": 0.9}],
        "latency": 0.2,
        "runs": 3,
        "shares": [0.25, 0.5],
    }


def test_the_table_has_medians_and_the_best_in_bold(found: dict[str, Any]) -> None:
    rows = [row for row in peers.section(found).splitlines() if row.startswith("| ")]
    assert (
        "| **4** | 2 of 2 | **3** | **1.04 (1.01 to 1.10)** | 30 | **50** | **1.00** | **0 of 4** |"
        in rows[1]
    )
    assert (
        "| **4** | 2 of 2 | **3** | 1.20 (1.20 to 1.20) | **10** | **50** | **1.00** | 4 of 4 |"
        in rows[2]
    )
    assert "| 2 of 1 |" in rows[3]
    assert "0 of 2, 1 never made |" in rows[3]
    assert "absent" not in rows[4]


def test_it_is_told_where_ours_is_not_the_best_and_by_how_much(found: dict[str, Any]) -> None:
    told = peers.section(found)
    assert "best or equal in 6 of 7 columns" in told
    assert "**CPU per call, ms**: 30, lean 10, 3 times as much:" in told
    assert "Virtual Agora is the only one that asks for nothing again" in told
    assert "lean could not be gone on with after 1 of its kills: `KeyError: 'x'`" in told
    assert "- **absent** could not be installed: `no such package`" in told
    found["peers"][peers.OURS]["runs"] = [run(2.0, 0.01)]
    assert "best or equal in every column" in peers.section(found)


def test_a_peer_that_cannot_be_installed_or_run_is_told_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    def install(name: str, peer: Any) -> None:
        if name == "crewai":
            (tmp_path / "a-file").touch()
            python(peers.PEERS[name], folder=tmp_path / "a-file")
        elif name == "consensus-app":
            held("nobody", Path(sys.executable))
        peer["done"] = True

    named = {name: peers.introduced(name) for name in peers.PEERS}
    peers.run_all(named, "installed", install)
    failed = {name: peer["error"] for name, peer in named.items() if "done" not in peer}
    assert list(failed) == ["crewai", "consensus-app"]
    assert "could not be installed: `" in failed["crewai"]
    assert "a-file" in failed["crewai"]
    assert "No module named 'benchmarks.peer.nobody'" in failed["consensus-app"]
    peers.run_all(named, "run", lambda name, peer: peer.update(error="again"))
    assert named["crewai"]["error"] == failed["crewai"]


def test_every_peer_is_pinned_and_says_how_deep_it_is() -> None:
    for name in peers.PEERS:
        peer = peers.introduced(name)
        assert all(peer[part] for part in ("what", "depth", "why")), name
        assert bool(peer["version"]) == (name != peers.OURS)


def test_an_environment_is_kept_while_the_file_it_was_made_from_is_unchanged(
    tmp_path: Path,
) -> None:
    (tmp_path / "locks").mkdir()
    lock = tmp_path / "locks" / "lean.txt"
    lock.write_text("lean==1.0\n")
    kept = tmp_path / "lean" / "made-from.txt"
    kept.parent.mkdir()
    kept.write_text("lean==1.0\n")
    made = python("lean", tmp_path / "locks", tmp_path)
    assert made == tmp_path / "lean" / "bin" / "python"
    assert not made.exists()  # it was not made anew


def test_what_fails_is_told_with_its_last_line() -> None:
    with pytest.raises(Unusable, match=r"^the last$"):
        environments.run(sys.executable, "-c", "import sys; sys.exit('the first\\nthe last\\n')")
