"""The graph as a drawing, coloured by what was gone through."""

from __future__ import annotations

from collections import defaultdict
from html import escape

from langgraph.constants import END, START

from langgraph_parity.covered import Cell, Covered

__all__ = ["drawing"]

HEIGHT, GAP, STEP, LANE = 34, 22, 90, 8
"""Of a node; between nodes side by side; from row to row; from lane to lane; in pixels."""

Box = tuple[float, float, float]
"""Centre and top of a node, and its width."""


def drawing(covered: Covered) -> str:
    """An SVG of the root graph: rows of nodes from START to END, its ways between them."""
    seen, possible = covered.seen["edges"], covered.possible("edges")
    ways = sorted(way for way in possible | set(seen) if not any(":" in name for name in way))
    names = {name for way in ways for name in way}
    names |= {name for name in covered.shape.nodes if ":" not in name}
    if not names:
        return ""
    rows = _rows(names, sorted(way for way in ways if way in possible))
    boxes = _boxes(rows)
    lines, left, right = _ways(ways, boxes, covered)
    height = len(rows) * STEP - (STEP - HEIGHT) + 20
    width = right - left
    nodes = [_node(name, box, covered) for name, box in boxes.items()]
    return (
        f'<svg viewBox="{left:.0f} 0 {width:.0f} {height}" width="{width:.0f}" height="{height}" role="img" '
        'aria-label="The graph; the table of edges says the same in words">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" '
        'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>'
        f"{''.join(lines)}{''.join(nodes)}</svg>"
    )


def _rows(names: set[str], ways: list[Cell]) -> list[list[str]]:
    """The nodes by their distance from START; END comes last."""
    after = defaultdict(list)
    for source, target in ways:
        after[source].append(target)
    rows, placed, row = [], {END}, [START] if START in names else []
    while row:
        rows.append(row)
        placed |= set(row)
        row = list(dict.fromkeys(t for s in row for t in after[s] if t not in placed))
    if beside := sorted(names - placed):
        rows.append(beside)
    return [*rows, [END]] if END in names else rows


def _boxes(rows: list[list[str]]) -> dict[str, Box]:
    """Where each node is: the first ones of the rows under each other, the others beside them."""
    boxes: dict[str, Box] = {}
    for index, row in enumerate(rows):
        left = -_wide(row[0]) / 2
        for name in row:
            boxes[name] = (left + _wide(name) / 2, index * STEP + 10, _wide(name))
            left += _wide(name) + GAP
    return boxes


def _ways(
    ways: list[Cell], boxes: dict[str, Box], covered: Covered
) -> tuple[list[str], float, float]:
    """The lines, and how far the drawing goes to the left and to the right."""
    edges = {
        -1: min(x - w / 2 for x, _, w in boxes.values()) - LANE,
        1: max(x + w / 2 for x, _, w in boxes.values()) + LANE,
    }
    possible, lines = covered.possible("edges"), []
    for number, way in enumerate(ways):
        (x, y, w), (to_x, to_y, to_w) = boxes[way[0]], boxes[way[1]]
        shift = 3 * (number % 6)
        if to_y - y == STEP:
            at = y + HEIGHT
            path = f"M{x:.0f} {at}C{x:.0f} {at + 28} {to_x:.0f} {to_y - 28} {to_x:.0f} {to_y}"
        elif to_y == y:
            under = y + HEIGHT + 8 + shift
            path = f"M{x + w / 4:.0f} {y + HEIGHT}V{under}H{to_x - to_w / 4:.0f}V{y + HEIGHT}"
        elif y - to_y == STEP:
            between = y - 12 - shift
            path = f"M{x - w / 4:.0f} {y}V{between}H{to_x - to_w / 4:.0f}V{to_y + HEIGHT}"
        else:
            # Each in a lane of its own: on the right over rows, on the left back.
            side = 1 if to_y > y else -1
            edges[side] += side * LANE
            out, into = (y + HEIGHT, to_y) if side > 0 else (y, to_y + HEIGHT)
            turn, back = out + side * (12 + shift), into - side * (12 + shift)
            path = f"M{x + side * w / 4:.0f} {out}V{turn}H{edges[side]:.0f}V{back}H{to_x + side * to_w / 4:.0f}V{into}"
        count = covered.seen["edges"][way]
        kind = ("seen" if count else "missing") if way in possible else "beyond"
        said = escape(f"{_label(way[0])} → {_label(way[1])}: {count}")
        lines.append(
            f'<path d="{path}" class="way {kind}" marker-end="url(#tip)"><title>{said}</title></path>'
        )
    return lines, edges[-1] - LANE, edges[1] + LANE


def _node(name: str, box: Box, covered: Covered) -> str:
    x, y, width = box
    count = covered.seen["nodes"][(name,)]
    end = name in (START, END)
    kind = "end" if end else "seen" if count else "missing"
    said = _label(name) if end else f"{name}: ran {count} times"
    return (
        f'<g class="node {kind}"><title>{escape(said)}</title>'
        f'<rect x="{x - width / 2:.0f}" y="{y}" width="{width:.0f}" height="{HEIGHT}" rx="{HEIGHT / 2 if end else 6}"/>'
        f'<text x="{x:.0f}" y="{y + HEIGHT / 2 + 5}" text-anchor="middle">{escape(_label(name))}</text></g>'
    )


def _wide(name: str) -> float:
    return max(56.0, 8.0 * len(_label(name)) + 20)


def _label(name: str) -> str:
    return {START: "START", END: "END"}.get(name, name)
