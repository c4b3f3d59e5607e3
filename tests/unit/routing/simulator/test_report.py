"""The report holds every figure in its column."""

from routing.simulator.figures import Figures, Tally
from routing.simulator.report import report


def day(within, *, groups=None):
    waits = [1.0] * within
    tally = Tally(10, within, 10 - within, waits)
    groups = groups or {"desk": (80.0, 20.0), "night": (1.0, 1.0)}
    return Figures(tally, Tally(), {"sales": tally, "help": Tally(4, 4, 0, [0.0])}, groups)


def test_rules_differences_queues_and_groups():
    lines = report({"ours": [day(8), day(9)], "strict": [day(7), day(8)]})
    assert lines[0].split("  ")[0] == "rule"
    assert " ".join(lines[1].split()) == "ours 85.0 ±63.5 - 15.0 ±63.5 1.0 ±0.0 1.0 ±0.0 79.4 ±0.0"
    assert lines[5].split()[:4] == ["ours", "-", "strict", "+10.0"]
    assert lines[8].split() == ["sales", "85.0", "±63.5", "75.0", "±63.5"]
    assert lines[9].split() == ["help", "100.0", "±0.0", "100.0", "±0.0"]
    assert lines[12].split() == ["desk", "80.0", "±0.0", "80.0", "±0.0"]
    assert lines[13].split() == ["night", "50.0", "±0.0", "50.0", "±0.0"]


def test_one_rule_and_one_day_have_nothing_to_be_compared_with():
    lines = report({"ours": [day(8)]})
    assert lines[1].split() == ["ours", "80.0", "-", "20.0", "1.0", "1.0", "79.4"]
    assert not [line for line in lines if line.startswith("same callers")]
    assert "±" not in "".join(lines[:-1])


def test_columns_stand_below_each_other():
    lines = report({"ours": [day(8), day(9)], "app-queue": [day(1), day(2)]})
    assert len({len(line) for line in lines[:3]}) == 1
