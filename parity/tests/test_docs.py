"""What the docs show is what happens: their files are written, their commands are run, their output is looked for."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PARITY = Path(__file__).parents[1]
SHOP = PARITY / "docs" / "shop"
PAGES = [PARITY / "README.md", *sorted((PARITY / "docs" / "how-to").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = {
    "pytest": [sys.executable, "-m", "pytest"],
    "parity": [sys.executable, "-m", "langgraph_parity.cli"],
}


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def pattern(line: str) -> re.Pattern[str]:
    """A line of a console block; `…` stands for anything, and spaces for spaces."""
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.strip().split("…")]
    return re.compile(r".*?".join(parts))


def run(command: str, folder: Path) -> str:
    name, *arguments = shlex.split(command)
    paths = [str(PARITY / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [*COMMANDS[name], *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_says_what_happens(
    page: Path,
    pytester: pytest.Pytester,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = pytester.path
    monkeypatch.setenv("COLUMNS", "200")
    if "DATABASE_URL" in page.read_text(encoding="utf-8"):
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgres"))
    for file in SHOP.glob("*.py"):
        shutil.copy(file, folder)
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    for language, text in blocks(page):
        if language == "python":
            name = text.splitlines()[0].removeprefix("# ")
            assert name.endswith(".py"), f"{page.name}: a block that names no file: {name}"
            (folder / name).write_text(text.partition("\n")[2], encoding="utf-8")
            # The kit's own tests have some of these names.
            monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
        elif language == "console":
            for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, *lines = step.splitlines()
                if command.split()[0] not in COMMANDS:
                    continue
                if command.startswith("pytest") and page.stem != "README":
                    result = pytester.runpytest_inprocess(*shlex.split(command)[1:])
                    output = f"{result.stdout}\n{result.stderr}"
                else:  # what is read first is done as it is read
                    output = run(command, folder)
                missing = [
                    line for line in lines if line.strip() and not pattern(line).search(output)
                ]
                assert not missing, (
                    f"{page.name}, $ {command}\n" + "\n".join(missing) + f"\n--\n{output}"
                )


def test_the_readme_shows_the_shop() -> None:
    shown = {text.partition("\n")[0]: text.partition("\n")[2] for _, text in blocks(PAGES[0])}
    for file in SHOP.glob("*.py"):
        assert shown[f"# {file.name}"] == file.read_text(encoding="utf-8")


def test_the_reference_of_rules_is_current() -> None:
    made = subprocess.run(
        [sys.executable, "-c", "import generate; print(generate.rules(), end='')"],
        cwd=PARITY / "docs",
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(PARITY / "src"), "PYTHONIOENCODING": "utf-8"},
    )
    kept = (PARITY / "docs" / "rules.md").read_text(encoding="utf-8")
    assert made.stdout == kept, "run python docs/generate.py"


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, PARITY / "docs" / "rules.md", PARITY / "examples" / "README.md"]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
