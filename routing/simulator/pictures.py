"""The picture of simulated days as SVG, drawn here: service level of each queue, and how long the answered waited.

One file without scripts, fonts or links. Each rule has a colour and a shape of its own, so that colours are not needed
to tell them apart; the whiskers are 95 % confidence intervals over the days.
"""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from routing.simulator.figures import Comparison, Figures, mean_of
from routing.simulator.report import METRICS, queue_level

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#7a4fa3", "#8a6d00")
DASHES: Final = ("", "7 3", "2 3", "9 3 2 3", "4 2")
WIDTH: Final = 960
LEFT, RIGHT, TOP, PANEL, GAP = 64, 24, 96, 260, 90


def picture(found: Comparison, title: str) -> str:
    """Return the SVG of a comparison."""
    height = TOP + 2 * PANEL + GAP + 56
    body = [*_head(list(found), title), *_levels(found, TOP), *_waits(found, TOP + PANEL + GAP)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="13" fill="#1b1b1b">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _head(rules: Sequence[str], title: str) -> Iterator[str]:
    yield _text(LEFT, 28, title, size=17, weight=600)
    at = LEFT
    for number, rule in enumerate(rules):
        colour, dash = _style(number)
        yield f'<line x1="{at}" y1="48" x2="{at + 26}" y2="48" stroke="{colour}" stroke-width="3"{dash}/>'
        yield _mark(number, at + 13, 48)
        yield _text(at + 34, 52, rule)
        at += 60 + 8 * len(rule)


def _levels(found: Comparison, top: int) -> Iterator[str]:
    """The upper panel: a mark with whiskers for every queue and rule."""
    metrics = [("all", METRICS[0]), *((name, queue_level(name)) for name in next(iter(found.values()))[0].queues)]
    levels = [mean_of(days, metric).mean for _, metric in metrics for days in found.values()]
    floor = _tens_below(min((level for level in levels if not math.isnan(level)), default=5.0) - 5)
    yield from _axis(top, [(f"{level} %", (level - floor) / (100 - floor)) for level in range(floor, 101, 10)])
    yield _text(LEFT, top - 10, "Service level by queue (answered within the target / offered)", weight=600)
    step = (WIDTH - LEFT - RIGHT) / len(metrics)
    spread = min(14.0, step / (len(found) + 1))
    for place, (name, metric) in enumerate(metrics):
        middle = LEFT + step * (place + 0.5)
        yield _label(middle, top + PANEL + 18, name, step)
        for number, days in enumerate(found.values()):
            level = mean_of(days, metric)
            if math.isnan(level.mean):
                continue
            at = middle + spread * (number - (len(found) - 1) / 2)
            half = 0.0 if math.isnan(level.half) else level.half
            high, low = (
                top + PANEL * (1 - (min(100.0, max(floor, one)) - floor) / (100 - floor))
                for one in (level.mean + half, level.mean - half)
            )
            colour, _ = _style(number)
            ends = f'x1="{at:.1f}" y1="{high:.1f}" x2="{at:.1f}" y2="{low:.1f}"'
            yield f'<line {ends} stroke="{colour}" stroke-width="2"/>'
            yield _mark(number, at, top + PANEL * (1 - (level.mean - floor) / (100 - floor)))


def _tens_below(percent: float) -> int:
    """Return where a scale up to 100 begins."""
    return min(90, max(0, 10 * math.floor(percent / 10)))


def _waits(found: Comparison, top: int) -> Iterator[str]:
    """The lower panel: the share of the answered who waited at most so long."""
    longest = _round_up(max(max(day.total.wait_at(0.98) for day in days) for days in found.values()))
    curves = [_shares(days, longest, 120) for days in found.values()]
    floor = _tens_below(100 * min(curve[0] for curve in curves))
    yield from _axis(top, [(f"{share} %", (share - floor) / (100 - floor)) for share in range(floor, 101, 10)])
    yield _text(LEFT, top - 10, "Waiting time of the answered: share that waited at most so long", weight=600)
    wide = WIDTH - LEFT - RIGHT
    for part in range(6):
        yield _text(
            LEFT + wide * part / 5,
            top + PANEL + 18,
            f"{longest * part / 5:g} s",
            anchor="end" if part == 5 else "middle",
        )
    for number, curve in enumerate(curves):
        points = " ".join(
            f"{LEFT + wide * step / 120:.1f},{top + PANEL * (1 - (100 * share - floor) / (100 - floor)):.1f}"
            for step, share in enumerate(curve)
        )
        colour, dash = _style(number)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>'


def _shares(days: Sequence[Figures], longest: float, steps: int) -> list[float]:
    counts = [0] * (steps + 1)
    waits = [wait for day in days for wait in day.total.waits]
    for wait in waits:
        step = math.ceil(wait / longest * steps)
        if step <= steps:
            counts[step] += 1
    total, shares = 0, []
    for count in counts:
        total += count
        shares.append(total / max(1, len(waits)))
    return shares


def _round_up(seconds: float) -> float:
    if math.isnan(seconds) or seconds <= 0:
        return 10.0
    unit = 10.0 ** math.floor(math.log10(seconds))
    return next(unit * part for part in (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0) if seconds <= unit * part)


def _axis(top: int, marks: Sequence[tuple[str, float]]) -> Iterator[str]:
    for text, share in marks:
        at = top + PANEL * (1 - share)
        yield f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#dddddd"/>'
        yield _text(LEFT - 8, at + 4, text, anchor="end")


def _style(number: int) -> tuple[str, str]:
    dash = DASHES[number % len(DASHES)]
    return COLOURS[number % len(COLOURS)], f' stroke-dasharray="{dash}"' if dash else ""


def _mark(number: int, x: float, y: float) -> str:
    colour, _ = _style(number)
    if number % 4 == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
    if number % 4 == 1:
        return f'<rect x="{x - 4.5:.1f}" y="{y - 4.5:.1f}" width="9" height="9" fill="{colour}"/>'
    corners = ((0, -6), (5.5, 4), (-5.5, 4)) if number % 4 == 2 else ((0, -6), (6, 0), (0, 6), (-6, 0))
    return f'<polygon points="{" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)}" fill="{colour}"/>'


def _label(x: float, y: float, text: str, room: float) -> str:
    """A queue's name below its marks, aslant where there is little room."""
    if len(text) * 8 < room:
        return _text(x, y, text, anchor="middle")
    shown = text if len(text) <= 14 else text[:13] + "…"
    return (
        f'<text x="{x:.1f}" y="{y - 4:.1f}" text-anchor="end" '
        f'transform="rotate(-35 {x:.1f} {y - 4:.1f})">{escape(shown)}</text>'
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, weight: int = 400) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
