"""A chart's markup, piece by piece: a plot of 640 x 144 pixels at 64, 12; 160 pixels a unit, 48 pixels a decade."""

from __future__ import annotations

import pytest

from kws_tfmot.evaluation.report.svg import Chart, ChartAxis, thousands

MARKUP = """
<svg class="chart" viewBox="0 0 720 200" role="img" aria-labelledby="c-t c-d" xmlns="http://www.w3.org/2000/svg">
<title id="c-t">A &amp; B</title>
<desc id="c-d">What &lt;it&gt; shows.</desc>
<line class="grid" x1="64.0" y1="12.0" x2="64.0" y2="156.0"/>
<text class="tick mid" x="64.0" y="172.0">0</text>
<line class="grid" x1="224.0" y1="12.0" x2="224.0" y2="156.0"/>
<text class="tick mid" x="224.0" y="172.0">1</text>
<line class="grid" x1="384.0" y1="12.0" x2="384.0" y2="156.0"/>
<text class="tick mid" x="384.0" y="172.0">2</text>
<line class="grid" x1="544.0" y1="12.0" x2="544.0" y2="156.0"/>
<text class="tick mid" x="544.0" y="172.0">3</text>
<line class="grid" x1="704.0" y1="12.0" x2="704.0" y2="156.0"/>
<text class="tick mid" x="704.0" y="172.0">4</text>
<line class="grid" x1="64.0" y1="156.0" x2="704.0" y2="156.0"/>
<text class="tick end" x="58.0" y="160.0">1</text>
<line class="grid" x1="64.0" y1="108.0" x2="704.0" y2="108.0"/>
<text class="tick end" x="58.0" y="112.0">10</text>
<line class="grid" x1="64.0" y1="60.0" x2="704.0" y2="60.0"/>
<text class="tick end" x="58.0" y="64.0">100</text>
<line class="grid" x1="64.0" y1="12.0" x2="704.0" y2="12.0"/>
<text class="tick end" x="58.0" y="16.0">1k</text>
<text class="name mid" x="384.0" y="192">x</text>
<text class="name mid" transform="translate(14 84.0) rotate(-90)">y</text>
<polyline class="line s1" points="64.0,156.0 384.0,156.0 384.0,108.0 704.0,108.0 704.0,12.0"/>
<polyline class="line thin s1" points="64.0,156.0 704.0,12.0"/>
<circle class="dot s2" cx="384.0" cy="108.0" r="6.5"><title>a &lt;dot&gt;</title></circle>
<circle class="dot s3" cx="704.0" cy="156.0" r="4"><title>small</title></circle>
<line class="line s4" x1="224.0" y1="108.0" x2="224.0" y2="60.0"/>
<rect class="box s5" x="224.0" y="60.0" width="320.0" height="96.0"><title>label</title></rect>
<text class="inside" x="384.0" y="112.0">held</text>
<rect class="box s5" x="224.0" y="60.0" width="16.0" height="1.0"><title>flat</title></rect>
<line class="rule" x1="544.0" y1="12.0" x2="544.0" y2="156.0"/>
<text class="note" x="548.0" y="24.0">target</text>
</svg>
"""


def test_every_piece_is_drawn_where_its_numbers_say() -> None:
    axes = ChartAxis(0, 4, "x"), ChartAxis(1, 1000, "y", log=True, show=thousands)
    chart = Chart("c", "A & B", "What <it> shows.", *axes, height=200)
    chart.line([(0, 1), (2, 10), (4, 1000)], 7, steps=True)
    chart.line([(0, 1), (4, 1000)], 1, style="line thin")
    chart.dot(2, 10, 2, "a <dot>", big=True)
    chart.dot(4, 1, 3, "small")
    chart.error_bar(1, 10, 100, 4)
    chart.box((1, 100), (3, 1), 5, "label", text="held")
    chart.box((1, 100), (1.1, 99.9), 5, "flat")
    chart.rule(3, "target")
    assert str(chart.render()) == MARKUP.replace("\n", "")


def test_the_text_of_a_box_of_odd_size_is_at_its_middle() -> None:
    chart = Chart("c", "title", "what", ChartAxis(0, 640, "x"), ChartAxis(0, 144, "y"), height=200)
    chart.box((160, 100), (241, 79), 5, "label", text="held")
    assert '<text class="inside" x="264.5" y="70.5">held</text>' in str(chart.render())


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (3, 47, False, [10, 20, 30, 40]),
        (-2.5, -0.5, False, [-2.5, -2, -1.5, -1, -0.5]),
        (0, 11, False, [0, 5, 10]),
        (0, 1e6, False, [0, 2e5, 4e5, 6e5, 8e5, 1e6]),
        (0.02, 0.5, True, [0.02, 0.05, 0.1, 0.2, 0.5]),
        (0.02, 3, True, [0.1, 1]),
        (5, 9000, True, [10, 100, 1000]),
    ],
)
def test_ticks_are_round_and_within_the_axis(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert ChartAxis(low, high, "", log=log).ticks() == pytest.approx(ticks)


def test_numbers_are_short() -> None:
    numbers = (0, 999, 1000, 1250, -2e3, 999999, 1e6, 2.5e6)
    assert [thousands(number) for number in numbers] == ["0", "999", "1k", "1.25k", "-2k", "999.999k", "1M", "2.5M"]
