"""The examples run where their package is installed; the others are named."""

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("test_*.py"))
ALWAYS = {"pytest", "langgraph", "langgraph_parity", "pydantic", "langchain_core"}


def packages(example: Path) -> list[str]:
    """The top-level packages an example needs beside the kit's own; exploring needs Hypothesis."""
    tree = ast.parse(example.read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {str(module).partition(".")[0] for module in modules}
    names |= {"hypothesis"} if ".explore(" in example.read_text(encoding="utf-8") else set()
    return sorted(names - ALWAYS - sys.stdlib_module_names)


@pytest.mark.parametrize("example", FILES, ids=lambda path: path.stem)
def test_an_example_finds_what_it_says(example: Path) -> None:
    missing = [name for name in packages(example) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{example.name} is left out: {', '.join(missing)} is not installed")
    plugin = [] if _is_installed() else ["-p", "langgraph_parity.plugin"]
    command = [sys.executable, "-m", "pytest", *plugin, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, example.name], cwd=EXAMPLES, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_create_agent_and_the_prebuilt_agent_are_not_left_out() -> None:
    names = ("test_create_agent", "test_create_react_agent", "test_human_in_the_loop")
    needed = {name for stem in names for name in packages(EXAMPLES / f"{stem}.py")}
    assert all(importlib.util.find_spec(name) for name in needed)


@pytest.mark.parametrize("example", FILES, ids=lambda path: path.stem)
def test_an_example_is_short_and_listed(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < 40
    assert f"({example.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_everything_is_pinned() -> None:
    lines = (EXAMPLES / "requirements.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
    pinned = {line.partition("==")[0].replace("-", "_") for line in lines}
    assert {name for example in FILES for name in packages(example)} <= pinned


def _is_installed() -> bool:
    """Does pytest find the kit's plugin by itself?"""
    found = importlib.metadata.entry_points(group="pytest11", name="parity")
    return bool(found)
