"""The trend of arrears as a drawing in the page."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from ticketing.billing.differences.trend_queries import TrendPoint

WIDTH, HEIGHT, MARGIN = 600, 140, 8


def draw_trend(points: Sequence[TrendPoint], label: str) -> Markup:
    """Return an SVG element; its axes begin at the first sync and at zero."""
    first, last = points[0].at, points[-1].at
    seconds = (last - first).total_seconds() or 1
    highest = float(max(point.arrears for point in points)) or 1
    places = [
        f"{MARGIN + (point.at - first).total_seconds() / seconds * (WIDTH - 2 * MARGIN):.1f},"
        f"{HEIGHT - MARGIN - float(point.arrears) / highest * (HEIGHT - 2 * MARGIN):.1f}"
        for point in points
    ]
    # what is put in is a number, or escaped
    return Markup(  # noqa: S704 - as above
        f'<svg class="trend" role="img" aria-label="{escape(label)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path class="axis" d="M{MARGIN},0V{HEIGHT - MARGIN}H{WIDTH}"/>'
        f'<path class="line" d="M{" ".join(places)}"/></svg>'
    )
