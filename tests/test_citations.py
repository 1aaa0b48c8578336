"""What counts as a citation, and what as a claim."""

from __future__ import annotations

import pytest

from virtual_agora.citations import Claim, Support, citable, cited, claims, support

KNOWN = {f"m{n:04}" for n in range(1, 10)}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("It pays [m0001].", ["m0001"]),
        ("It pays [m0002, m0001; m0002] and [ m0003 ].", ["m0002", "m0001", "m0003"]),
        (
            "It pays [m0001, m0002, and m0003][m0004 and m0005] [m0006 m0007].",
            [f"m000{n}" for n in range(1, 8)],
        ),
        (r"It pays \[m0001\].", ["m0001"]),
        (
            "In code `[m0001]` and ``a ` [m0002]``, no. In ` a lone\n\ntick [m0003] ` yes.",
            ["m0003"],
        ),
        ("(m0001) m0002 [m3] [see m0003] [m0004x] [M0005] [m٠٠٠٦]", []),
        (r"\\[m0001] \`[m0002]`", ["m0001", "m0002"]),
        ("[m0001](javascript:alert(1))", ["m0001"]),
        ("[m0001\n[m0002]", ["m0002"]),
    ],
)
def test_what_is_cited(text: str, ids: list[str]) -> None:
    assert cited(text) == ids


def test_each_paragraph_list_item_and_row_is_a_claim_and_nothing_else() -> None:
    text = (
        "# Costs\nFares are a third [m0001].\nThe rest is taxes.\n\n"
        "The reasons are:\n\n- **staff** [m0002]\n- fuel:\n  1. diesel [m0099, m0003]\n  2. power\n\n"
        "| a | b |\n|---|---|\n| [m0004] | c |\n| d | – |\n| – | – |\n\n---\n\n```\ncode [m0005]\n```\n\n> Said so [m0098]\n"
    )
    assert list(claims(text, KNOWN)) == [
        Claim("Fares are a third [m0001].\nThe rest is taxes.", ("m0001",), ()),
        Claim("**staff** [m0002]", ("m0002",), ()),
        Claim("diesel [m0099, m0003]", ("m0003",), ("m0099",)),
        Claim("power", (), ()),
        Claim("[m0004] | c", ("m0004",), ()),
        Claim("d | –", (), ()),
        Claim("Said so [m0098]", (), ("m0098",)),
    ]


def test_a_line_that_introduces_nothing_is_a_claim() -> None:
    assert [claim.text for claim in claims("It is so:\n\nText [m0001]", KNOWN)] == [
        "It is so:",
        "Text [m0001]",
    ]


def test_a_topics_report_can_cite_only_what_was_said_before_it() -> None:
    said = [
        {"id": f"m000{n}", "topic": topic} for n, topic in enumerate(["A", "A", "B", "C"], start=1)
    ]
    assert citable(said, "B") == {"m0001", "m0002", "m0003"}
    assert citable(said) == {"m0001", "m0002", "m0003", "m0004"}
    assert citable(said, "D") == citable([]) == frozenset()


def test_reports_and_summaries_of_topics_count_and_an_invented_turn_wherever_it_is_named() -> None:
    state = {
        "messages": [{"id": "m0001", "topic": "A"}, {"id": "m0002", "topic": "B"}],
        "reports": [
            {"topic": "A", "sections": [{"text": "# So [m0007]\n\nYes [m0001].\n\nNo [m0002]."}]},
            {"topic": "", "sections": [{"text": "Yes [m0002].\n\n```\n[m0008]\n```"}]},
        ],
        "topic_summaries": [{"topic": "A", "text": "Agreed [m9999].\n\nAnd so on [m0001]."}],
    }
    assert support(state) == Support(claims=5, unsupported=2, unknown=("m0007", "m0002", "m9999"))
