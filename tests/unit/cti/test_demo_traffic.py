import random
from collections import Counter
from pathlib import Path

import pytest

from contactcenter.core.errors import Invalid
from contactcenter.core.tasks import TaskSupervisor
from cti import provision
from cti.demo_traffic import DemoCaller, DemoSettings, DemoTraffic, draw_call
from tests.unit.cti.test_provision import INSTALLATION

CALLERS = [DemoCaller(f"+1555010{number}", f"Customer {number}") for number in range(8)]


def settings(**changes: object) -> DemoSettings:
    values = {"ami_port": 1, "sip_port": 15160, "http_port": 3, "ami_secret": "d" * 20, "callers": CALLERS, **changes}
    return DemoSettings(**values)  # type: ignore[arg-type]


def test_same_seed_same_customers() -> None:
    draws = [[draw_call(rng, settings(), CALLERS) for _ in range(30)] for rng in (random.Random(5), random.Random(5))]
    assert draws[0] == draws[1]
    assert draws[0] != [draw_call(random.Random(6), settings(), CALLERS) for _ in range(30)]


def test_mix_of_customers() -> None:
    rng = random.Random(1)
    plans = [draw_call(rng, settings(), CALLERS) for _ in range(2000)]
    leave = sum(plan.patience == 0 for plan in plans)
    give_up = sum(0 < plan.patience < 30 for plan in plans)
    assert 60 <= leave <= 140
    assert 230 <= give_up <= 370
    assert Counter(plan.digits for plan in plans).keys() == {"", "1", "2"}
    assert all(plan.talk_time >= 8 for plan in plans if plan.patience)


@pytest.mark.parametrize("number", ["", "12a", "1;x", "+1\r\n2", "1" * 20])
def test_only_numbers_call(number: str) -> None:
    with pytest.raises(Invalid) as error:
        DemoTraffic(settings(callers=[DemoCaller(number)]), INSTALLATION, Path("/tmp/x"), TaskSupervisor())
    assert error.value.fields == {"callers.0.number": "format"}


def test_where_its_phones_and_its_trunk_are() -> None:
    traffic = DemoTraffic(settings(), INSTALLATION, Path("/tmp/x"), TaskSupervisor())
    assert traffic.agent_contact_uri(7) == "sip:phone7@127.0.0.1:15160"
    assert (traffic.trunk.host, traffic.trunk.port) == ("127.0.0.1", 15160)
    endpoint = provision.EndpointSettings(
        "agent-7", provision.EndpointKind.DESK, contact_uri=traffic.agent_contact_uri(7)
    )
    assert endpoint.contact_uri.endswith(":15160")
