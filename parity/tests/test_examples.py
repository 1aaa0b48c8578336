"""Every example finds what it says, on the versions it says it of."""

import ast
import importlib.metadata
import re
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


def pinned() -> dict[str, str]:
    lines = (EXAMPLES / "requirements.txt").read_text(encoding="utf-8").split()
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line) for line in lines)
    return dict(line.split("==") for line in lines)


@pytest.mark.parametrize("example", FILES, ids=lambda path: path.stem)
def test_an_example_finds_what_it_says(example: Path, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess(
        "-p", "no:cacheprovider", "-c", EXAMPLES / "pytest.ini", example
    )
    outcomes = result.parseoutcomes()
    outcomes.pop("warnings", None)
    assert outcomes.keys() == {"passed"}


@pytest.mark.parametrize("example", FILES, ids=lambda path: path.stem)
def test_an_example_is_short_and_listed(example: Path) -> None:
    assert len(example.read_text(encoding="utf-8").splitlines()) < 40
    assert f"({example.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_everything_is_pinned_and_runs_here_as_it_is_pinned() -> None:
    versions = pinned()
    names = {name.replace("-", "_") for name in versions}
    assert {name for example in FILES for name in packages(example)} <= names
    assert {name: importlib.metadata.version(name) for name in versions} == versions
