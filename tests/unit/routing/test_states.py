"""Every pair of every table: what is drawn here is legal, everything else raises."""

from itertools import product

import pytest

from routing import states
from routing.commands import Presence, Work
from routing.states import AgentState, IllegalTransition, ItemState

# One row per state: event -> state. A second telling of the rules, kept by hand.
DRAWN = {
    "work": {
        "idle": {"reserve": "reserved", "adopt": "handling", "adopt-wrap-up": "wrap-up"},
        "reserved": {"accept": "handling", "alert-over": "idle", "revoke": "revoking"},
        "revoking": {"accept": "handling", "alert-over": "idle", "revoke": "revoking"},
        "handling": {"finish": "idle", "wrap-up": "wrap-up", "set-aside": "set-aside"},
        "set-aside": {"finish": "idle", "resume": "handling"},
        "wrap-up": {"end-wrap-up": "idle", "extend-wrap-up": "wrap-up"},
    },
    "item": {
        "gone": {"enqueue": "waiting", "adopt": "handling", "customer-left": "gone"},
        "waiting": {
            "enqueue": "waiting",
            "adopt": "handling",
            "reserve": "reserved",
            "customer-left": "gone",
            "flowed-out": "gone",
        },
        "reserved": {
            "accept": "handling",
            "alert-over": "waiting",
            "revoke": "revoking",
            "customer-left": "leaving",
            "flowed-out": "flowing-out",
        },
        "revoking": {
            "accept": "handling",
            "alert-over": "waiting",
            "enqueue": "revoking",
            "customer-left": "leaving",
            "flowed-out": "flowing-out",
        },
        "flowing-out": {
            "accept": "handling",
            "alert-over": "gone",
            "enqueue": "revoking",
            "customer-left": "leaving",
        },
        "leaving": {"accept": "gone", "alert-over": "gone"},
        "handling": {"finish": "gone"},
    },
    "agent": {
        "absent": {"add": "present"},
        "present": {
            "change": "present",
            "update": "present",
            "adopt": "present",
            "device": "present",
            "remove": "leaving",
        },
        "leaving": {"add": "present", "device": "leaving", "update": "leaving"},
    },
    "presence": {
        "ready": {"ready": "ready", "not-ready": "not-ready", "offline": "offline", "penalise": "not-ready"},
        "not-ready": {"ready": "ready", "not-ready": "not-ready", "offline": "offline", "penalise": "not-ready"},
        "offline": {"ready": "ready", "not-ready": "not-ready", "offline": "offline", "penalise": "offline"},
    },
    "device": {
        "usable": {"usable": "usable", "unusable": "unusable"},
        "unusable": {"usable": "usable", "unusable": "unusable"},
    },
}
TABLES = {
    "work": (states.WORK, Work),
    "item": (states.ITEM, ItemState),
    "agent": (states.AGENT, AgentState),
    "presence": (states.PRESENCE, Presence),
    "device": (states.DEVICE, (states.USABLE, states.UNUSABLE)),
}
PAIRS = [
    (machine, str(state), event)
    for machine, (table, all_states) in TABLES.items()
    for state, event in product(all_states, sorted({event for _, event in table} | {"no-such-event"}))
]


@pytest.mark.parametrize("machine,state,event", PAIRS)
def test_pair(machine: str, state: str, event: str) -> None:
    table = TABLES[machine][0]
    expected = DRAWN[machine][state].get(event)
    if expected is not None:
        assert states.step(machine, table, state, event) == expected
        return
    with pytest.raises(IllegalTransition) as raised:
        states.step(machine, table, state, event)
    assert raised.value.code == "illegal-transition"
    assert raised.value.fields == {"machine": machine, "state": state, "event": event}


def test_every_state_is_drawn() -> None:
    for machine, (_, all_states) in TABLES.items():
        assert set(DRAWN[machine]) == {str(state) for state in all_states}
