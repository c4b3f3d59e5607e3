import pytest

from cti import dialplan_names as names
from cti.pbx_simulator.applications import APPLICATIONS
from cti.pbx_simulator.dialplan import Dialplan
from tests.unit.cti.pbx_simulator.stage import DIALPLAN

TEXT = """
; a remark
[one]
exten => s,1,Answer()
 same => n(wait),Wait(3600)
 same => n,Goto(wait)
exten => _[0-9a-z].,1,Hangup(16)
exten => 600,1,Echo()
"""


def test_priorities_and_labels() -> None:
    extension = Dialplan(TEXT).find("one", "s")
    assert extension is not None
    assert [step.application for step in extension.steps] == ["Answer", "Wait", "Goto"]
    assert [extension.priority(text) for text in ("1", "wait", "3", "4", "nowhere")] == [1, 2, 3, None, None]


@pytest.mark.parametrize("exten, name", [("s", "s"), ("600", "600"), ("601", "_[0-9a-z]."), ("6", None), ("Ж1", None)])
def test_patterns(exten: str, name: str | None) -> None:
    found = Dialplan(TEXT).find("one", exten)
    assert (found.name if found else None) == name


def test_what_is_not_there() -> None:
    plan = Dialplan(TEXT)
    assert (plan.find("two", "s"), plan.step("one", "s", 9), plan.step("one", "x", 1)) == (None, None, None)


@pytest.mark.parametrize("line", ["exten => s,1,Answer", "nonsense", "include => other"])
def test_a_line_that_is_not_understood_is_not_passed_over(line: str) -> None:
    with pytest.raises(ValueError, match="no line of a dialplan"):
        Dialplan("[one]\n" + line)


def test_our_own_dialplan_needs_nothing_that_is_not_simulated() -> None:
    used = {step.application for extensions in DIALPLAN.contexts.values() for one in extensions for step in one.steps}
    assert set(DIALPLAN.contexts) >= set(names.CONTEXTS)
    assert used == set(APPLICATIONS)
