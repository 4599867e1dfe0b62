"""A line over time as a drawing in a page, without a script."""

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup, escape

WIDTH, HEIGHT, MARGIN = 600, 140, 8


def draw_line(points: Sequence[tuple[datetime, float]], label: str) -> Markup:
    """Return an SVG element; its axes begin at the first time and at zero. Empty without a line.

    The page defines the looks of `trend`, `axis` and `line`, and has the values as a table or text.
    """
    if len(points) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup()
    first, last = points[0][0], points[-1][0]
    seconds = (last - first).total_seconds() or 1
    highest = max(value for _, value in points) or 1
    places = [
        f"{MARGIN + (at - first).total_seconds() / seconds * (WIDTH - 2 * MARGIN):.1f},"
        f"{HEIGHT - MARGIN - value / highest * (HEIGHT - 2 * MARGIN):.1f}"
        for at, value in points
    ]
    # what is put in is a number, or escaped
    return Markup(  # noqa: S704 - as above
        f'<svg class="trend" role="img" aria-label="{escape(label)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path class="axis" d="M{MARGIN},0V{HEIGHT - MARGIN}H{WIDTH}"/>'
        f'<path class="line" d="M{" ".join(places)}"/></svg>'
    )
