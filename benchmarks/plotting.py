"""A plot as SVG, drawn by hand: bars of times, and lines of how time grows."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any, Final

from figures import of
from peers import ALL_LABELS, FIRST, FLOOR
from tables import grows, points
from works import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH: Final = 860
LEFT: Final = 300
BAR: Final = 20
LINE_COLOURS: Final = ("#1f6feb", "#bc4c00", "#1a7f37", "#8250df", "#953800", "#57606a")
OWN, FLOOR_COLOUR, OTHER = "#1f6feb", "#8c959f", "#d0a215"
PANEL: Final = 300


def text(x: float, y: float, words: str, anchor: str = "start", weight: str = "normal") -> str:
    """Write words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>'


def bars(record: dict[str, Any], top: float) -> tuple[list[str], float]:
    """Draw the median of each as a bar.

    Returns:
        The shapes, and where they end.
    """
    times = {name: time.middle for name, own in record["turns"].items() if (time := of(own, "seconds"))}
    shapes = [text(10, top + 16, f"{Work(**record['work'])}: seconds", weight="bold")]
    y = top + 28
    longest = max(times.values())
    for name, seconds in sorted(times.items(), key=lambda item: item[1]):
        width = max(seconds / longest * (WIDTH - LEFT - 80), 2)
        colour = FLOOR_COLOUR if name == FLOOR else OWN if name.startswith(FIRST) else OTHER
        shapes += [
            text(LEFT - 8, y + 14, ALL_LABELS[name], "end"),
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 4}" fill="{colour}"/>',
            text(LEFT + width + 6, y + 14, f"{seconds:.1f}"),
        ]
        y += BAR
    return shapes, y + 20


def ticks(least: float, most: float) -> Iterator[float]:
    """Return powers of ten, and twice and five times these, between two numbers."""
    for power in range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1):
        yield from (step * 10.0**power for step in (1, 2, 5) if least <= step * 10.0**power <= most)


def short(number: float) -> str:
    """Write a number for an axis."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return f"{number:g}"


def panel(scale: dict[str, Any], what: str, left: float, top: float) -> list[str]:
    """Draw the series in which one thing grows; both axes are logarithmic."""
    lines = {name: points(entries, what) for name, entries in scale.items() if grows(entries) == what}
    places = [point for line in lines.values() for point in line]
    if not places:
        return []
    (x0, x1), (y0, y1) = ((min(values), max(values)) for values in zip(*places, strict=True))
    x1, y0, y1 = max(x1, x0 * 1.1), y0 * 0.8, y1 * 1.25

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log(x) - math.log(x0)) / (math.log(x1) - math.log(x0))
        up = (math.log(y) - math.log(y0)) / (math.log(y1) - math.log(y0))
        return left + 44 + across * (PANEL - 10), top + 30 + (1 - up) * PANEL * 0.7

    shapes = [text(left, top + 14, f"seconds by {what}", weight="bold")]
    for y in ticks(y0, y1):
        _, down = at(x0, y)
        shapes.append(f'<path d="M{left + 44:.1f} {down:.1f}h{PANEL - 10}" stroke="#d0d7de"/>')
        shapes.append(text(left + 38, down + 4, short(y), "end"))
    below = top + 30 + PANEL * 0.7 + 16
    shapes += [text(at(x, y0)[0], below, short(x), "middle") for x in sorted({point[0] for point in places})]
    for number, (name, line) in enumerate(lines.items()):
        colour, way = LINE_COLOURS[number], [at(*point) for point in line]
        shapes.append(
            f'<polyline fill="none" stroke="{colour}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in way)}"/>'
        )
        shapes += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in way]
        shapes.append(f'<g fill="{colour}">{text(left + 54, top + 44 + 15 * number, name)}</g>')
    return shapes


def plot(results: dict[str, Any]) -> str:
    """Draw all that was measured."""
    shapes, y = [], 0.0
    for record in results.get("comparisons", ()):
        drawn, y = bars(record, y)
        shapes += drawn
    scale = results.get("scale") or {}
    panels = [panel(scale, what, 10 + (WIDTH / 2) * place, y) for place, what in enumerate(("contacts", "segments"))]
    shapes += [shape for drawn in panels for shape in drawn]
    height = y + (PANEL if any(panels) else 0)
    box = f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height:.0f}" fill="white"/>', *shapes, "</svg>", ""])
