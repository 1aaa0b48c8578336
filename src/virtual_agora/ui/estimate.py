"""An estimate as a table, with what it rests on and how far off earlier ones were."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table

from virtual_agora.amounts import KINDS, said
from virtual_agora.config.models import Caps
from virtual_agora.estimates.estimate import Estimate
from virtual_agora.ui.blocks import note
from virtual_agora.ui.text import count

__all__ = ["draw_estimate"]


def draw_estimate(made: Estimate, caps: Caps) -> RenderableType:
    """The estimate, in a few lines, and which `caps` of the session it exceeds."""
    return Group(*_parts(made, caps))


def _parts(made: Estimate, caps: Caps) -> Iterator[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    for title in ("at least", "likely", "at most"):
        table.add_column(title, justify="right")
    table.add_row("Calls", *(f"{n:,}" for n in made.calls))
    table.add_row("Tokens", *(f"{n:,}" for n in made.tokens))
    if made.cost is not None:
        table.add_row("Cost", *(said("cost", amount) for amount in made.cost))
    yield table
    for kind in KINDS:
        cap, found = getattr(caps, kind), getattr(made, kind)
        if cap is not None and found is not None and found[2] > cap:
            how = "is likely to" if found[1] > cap else "may"
            yield note(
                f"The budget of {said(kind, cap)} {how} be used up: likely {said(kind, found[1])}, at most {said(kind, found[2])}.",
                "yellow",
            )
    if made.unpriced:
        yield note(f"Cost: unknown, for nobody knows the price of {', '.join(made.unpriced)}.", "")
    elif made.cost and not any(made.cost):
        yield note("None of these models costs anything: $0.", "")
    if made.rests_on:
        which = count(made.rests_on, "earlier session") + " of this database with these models"
        yield note(f"The likely figures rest on what {which} took.", "")
    else:
        yield note(
            "No session of this database that came to its ordinary end has used these models, so the likely figures rest on the sizes of "
            "prompts by the protocol and on answers as long as the prompts ask for.",
            "",
        )
    yield note(
        "The bounds of calls are the protocol's, if every participant stays; those of tokens and cost are for answers "
        "half and twice as long.",
        "",
    )
    if made.compared and made.off:
        ways = [
            f"{low:.1f} to {high:.1f} times the {kind}" for kind, (low, high) in made.off.items()
        ]
        yield note(
            f"In {count(made.compared, 'earlier session')} the likely figures were {', '.join(ways)} they took in the end.",
            "",
        )
    else:
        yield note(
            "No earlier session was estimated, so nothing is known of how far off this is.", ""
        )
