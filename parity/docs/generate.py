"""Writes rules.md: what the kit's table of rules says, and why and an example from rules.toml.

python docs/generate.py
"""

import tomllib
from pathlib import Path

from langgraph_parity import RULES, Rule

HERE = Path(__file__).parent
HUNDREDS = {
    "1": "The path",
    "2": "The state",
    "3": "The human",
    "4": "Faults",
    "5": "Crashes",
    "6": "The end of a session",
    "7": "Old sessions and new code",
    "8": "Budgets",
    "9": "Lint",
}
HEAD = """# The rules

Every finding has a rule. `parity rules` prints what is wrong and how to mend it; here are also the reasons.
One test may break a rule with `@pytest.mark.parity_allow("P502", reason="…")`; one line of source may break a rule of lint
with `# parity: ignore[P901] …`.
"""


def section(rule: Rule, more: dict[str, str]) -> str:
    """One rule."""
    wrong = rule.wrong[0].upper() + rule.wrong[1:]
    return "\n\n".join(
        [
            f"### {rule.id} {rule.title}",
            f"{wrong}.",
            f"**Why.** {more['why']}",
            f"**Example.** {more['example']}",
            f"**Mend.** {rule.mend}.",
        ]
    )


def rules() -> str:
    """The whole page."""
    with (HERE / "rules.toml").open("rb") as file:
        more = tomllib.load(file)
    if odd := more.keys() ^ RULES.keys():
        raise SystemExit(f"rules.toml and the table of rules differ in {', '.join(sorted(odd))}.")
    parts = [HEAD]
    for hundred, title in HUNDREDS.items():
        of = [rule for rule in RULES.values() if rule.id[1] == hundred]
        parts.append(f"## {title}\n")
        parts += [section(rule, more[rule.id]) + "\n" for rule in of]
    return "\n".join(parts)


if __name__ == "__main__":
    (HERE / "rules.md").write_text(rules(), encoding="utf-8")
