"""A small chart in SVG that follows the page: colours are the page's CSS variables, texts are escaped.

Matplotlib's SVG carries fixed colours and outlines for letters; a page with a light and a dark side, read aloud and
searched, needs text that is text and colours that change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 12.0, 44.0
COLOURS = 6  # classes s0 ... s5 of the style sheet
Point = tuple[float, float]


@dataclass(frozen=True)
class ChartAxis:
    """One axis: data from ``low`` to ``high``, linear or logarithmic."""

    low: float
    high: float
    title: str
    log: bool = False
    show: Callable[[float], str] = "{:g}".format

    def place(self, value: float) -> float:
        """Where ``value`` lies, 0 to 1 between the ends.

        >>> ChartAxis(1, 100, "", log=True).place(10), ChartAxis(0, 4, "").place(1)
        (0.5, 0.25)
        """
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values: decades (with 2 and 5 where there are few) or steps of 1, 2, 5 times a power of ten.

        >>> ChartAxis(0, 10, "").ticks(), ChartAxis(1, 1000, "", log=True).ticks()
        ([0.0, 2.0, 4.0, 6.0, 8.0, 10.0], [1.0, 10.0, 100.0, 1000.0])
        """
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            factors = (1.0, 2.0, 5.0) if last - first < 3 else (1.0,)
            values = [factor * 10.0**power for power in range(first, last + 1) for factor in factors]
            return [value for value in values if self.low * 0.999 <= value <= self.high * 1.001]
        step = round_step((self.high - self.low) / 5)
        first_step = math.ceil(self.low / step - 1e-9)
        return [n * step for n in range(first_step, math.floor(self.high / step + 1e-9) + 1)]


def round_step(rough: float) -> float:
    """The next of 1, 2, 5, 10, ... at or above ``rough``.

    >>> round_step(0.3), round_step(7)
    (0.5, 10.0)
    """
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9))


@dataclass
class Chart:
    """A plot that is drawn piece by piece; :meth:`render` gives the markup.

    Args:
        name: Unique on the page: the title's and description's ids begin with it.
        title: Read aloud in place of the picture.
        description: What the picture shows, in a sentence.
        x: The horizontal axis.
        y: The vertical axis.
        height: In CSS pixels, of a width of 720.
    """

    name: str
    title: str
    description: str
    x: ChartAxis
    y: ChartAxis
    height: float = 340.0
    width: float = 720.0
    _parts: list[Markup] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Data to pixels."""
        return (
            round(LEFT + self.x.place(x) * (self.width - LEFT - RIGHT), 2),
            round(self.height - BOTTOM - self.y.place(y) * (self.height - TOP - BOTTOM), 2),
        )

    def line(self, points: Sequence[Point], colour: int, steps: bool = False, style: str = "line") -> None:
        """A polyline; with ``steps`` each value holds up to the next x."""
        placed = [self.at(*point) for point in points]
        path: list[str] = []
        for i, (x, y) in enumerate(placed):
            if steps and i:
                path.append(f"{x},{placed[i - 1][1]}")
            path.append(f"{x},{y}")
        self._add('<polyline class="{} s{}" points="{}"/>', style, colour % COLOURS, " ".join(path))

    def dot(self, x: float, y: float, colour: int, label: str, big: bool = False) -> None:
        """A mark with a text that shows when pointed at."""
        a, b = self.at(x, y)
        self._add(
            '<circle class="dot s{}" cx="{}" cy="{}" r="{}"><title>{}</title></circle>',
            *(colour % COLOURS, a, b, 6.5 if big else 4, label),
        )

    def error_bar(self, x: float, low: float, high: float, colour: int) -> None:
        """A vertical bar from ``low`` to ``high``."""
        (a, b), (_, c) = self.at(x, low), self.at(x, high)
        self._add('<line class="line s{}" x1="{}" y1="{}" x2="{}" y2="{}"/>', colour % COLOURS, a, b, a, c)

    def box(self, corner: Point, opposite: Point, colour: int, label: str, text: str = "") -> None:
        """A rectangle in data coordinates; ``text`` is written in it where it is large enough."""
        (a, b), (c, d) = self.at(*corner), self.at(*opposite)
        left, top, width, height = min(a, c), min(b, d), abs(c - a), abs(d - b)
        self._add(
            '<rect class="box s{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
            *(colour % COLOURS, left, top, round(width, 2), max(round(height, 2), 1.0), label),
        )
        if text and height >= 14 and width >= 6.5 * len(text) + 6:
            self._add('<text class="inside" x="{}" y="{}">{}</text>', left + width / 2, top + height / 2 + 4, text)

    def rule(self, x: float, label: str) -> None:
        """A dotted vertical line with a text at its top."""
        a, b = self.at(x, self.y.high)
        self._add('<line class="rule" x1="{}" y1="{}" x2="{}" y2="{}"/>', a, b, a, self.height - BOTTOM)
        self._add('<text class="note" x="{}" y="{}">{}</text>', a + 4, b + 12, label)

    def render(self) -> Markup:
        """The whole picture."""
        head = Markup(
            '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d" '
            'xmlns="http://www.w3.org/2000/svg"><title id="{}-t">{}</title><desc id="{}-d">{}</desc>'
        ).format(
            *(f"{self.width:g}", f"{self.height:g}", self.name, self.name),
            *(self.name, self.title, self.name, self.description),
        )
        return head + self._axes() + Markup("").join(self._parts) + Markup("</svg>")

    def _axes(self) -> Markup:
        right, bottom = self.width - RIGHT, self.height - BOTTOM
        parts = []
        for value in self.x.ticks():
            a, _ = self.at(value, self.y.low)
            parts += [_grid(a, TOP, a, bottom), _text("tick mid", a, bottom + 16, self.x.show(value))]
        for value in self.y.ticks():
            _, b = self.at(self.x.low, value)
            parts += [_grid(LEFT, b, right, b), _text("tick end", LEFT - 6, b + 4, self.y.show(value))]
        parts.append(_text("name mid", (LEFT + right) / 2, self.height - 8, self.x.title))
        upright = '<text class="name mid" transform="translate(14 {}) rotate(-90)">{}</text>'
        parts.append(Markup(upright).format((TOP + bottom) / 2, self.y.title))
        return Markup("").join(parts)

    def _add(self, template: str, *values: object) -> None:
        self._parts.append(Markup(template).format(*(escape(value) for value in values)))


def _grid(x1: float, y1: float, x2: float, y2: float) -> Markup:
    return Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(x1, y1, x2, y2)


def _text(style: str, x: float, y: float, text: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(style, x, y, text)


def thousands(value: float) -> str:
    """``1.2k``, ``3M``: short numbers for ticks.

    >>> thousands(1200), thousands(3e6), thousands(500)
    ('1.2k', '3M', '500')
    """
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{unit}"
    return f"{value:g}"
