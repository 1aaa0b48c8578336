"""Drawing: SVG elements whose text is escaped, and what all plots share.

Plots are as wide as their place and of a fixed height: across, everything is in percent, so that letters keep their
size on a telephone. Colours are given as attributes, for programs that do not apply a page's style to a drawing,
and as classes, by which the page's style puts those of the light or the dark scheme.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

__all__ = ["COLOURS", "circle", "drawing", "element", "label", "line", "percent"]

COLOURS = {
    "ink": "#1d1c1a",
    "soft": "#6b675f",
    "rule": "#d9d4ca",
    "accent": "#1f5a8a",
    "warm": "#b3560f",
    "third": "#5d6b2f",
}
"""Class of a shape, and its colour in the light scheme. Blue and orange are told apart by colour-blind readers too."""


def element(name: str, content: str | Markup = "", /, **attributes: object) -> Markup:
    """`<name …>content</name>`; `stroke_width` is the attribute `stroke-width`, `class_` is `class`."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    return Markup(f"<{name}{written}>{escape(content)}</{name}>")


def drawing(
    name: str, parts: Iterable[Markup], *, height: float, title: str, description: str
) -> Markup:
    """A plot; `name` is unique in the page, `title` and `description` are what a screen reader says."""
    heads = [
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
    ]
    return element(
        "svg",
        Markup("").join([*heads, *parts]),
        class_="plot",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        width="100%",
        height=f"{height:g}",
    )


def percent(share: float) -> str:
    """A place across the drawing, from 0 to 1, as an attribute's value."""
    return f"{100 * share:.4g}%"


def line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dashes: str = ""
) -> Markup:
    """A line; `x1` and `x2` are from 0 to 1, `y1` and `y2` in pixels."""
    dashed = {"stroke_dasharray": dashes} if dashes else {}
    return element(
        "line",
        x1=percent(x1),
        y1=f"{y1:g}",
        x2=percent(x2),
        y2=f"{y2:g}",
        class_=f"line {colour}",
        stroke=COLOURS[colour],
        stroke_width=width,
        **dashed,
    )


def circle(x: float, y: float, radius: float, colour: str, *, hollow: bool = False) -> Markup:
    """A dot, filled or hollow."""
    if hollow:
        look = {"class_": f"hollow {colour}", "fill": "#ffffff", "stroke": COLOURS[colour]}
    else:
        look = {"class_": f"fill {colour}", "fill": COLOURS[colour], "stroke": "none"}
    return element("circle", cx=percent(x), cy=f"{y:g}", r=f"{radius:g}", **look)


def label(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = "ink",
    anchor: str = "start",
    move: float = 0,
) -> Markup:
    """Words of 12 pixels, centred on `y`, `move` pixels to the right of `x`."""
    return element(
        "text",
        text,
        x=percent(x),
        y=f"{y + 4:g}",
        dx=f"{move:g}",
        class_=f"label {colour}",
        fill=COLOURS[colour],
        font_size=12,
        font_family="sans-serif",
        text_anchor=anchor,
    )
