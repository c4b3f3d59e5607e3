"""The demo's customers and whom we call for them."""

from types import SimpleNamespace
from typing import Any

import pytest

from contactcenter import demo
from cti.demo_traffic import Level
from cti.managed_pbx import DEMO_TRUNK


@pytest.mark.parametrize(
    ("pbx", "may_call"),
    [
        (None, True),
        (SimpleNamespace(settings=SimpleNamespace(outbound_trunk=DEMO_TRUNK)), True),
        (SimpleNamespace(settings=SimpleNamespace(outbound_trunk="carrier")), False),
    ],
    ids=["simulated", "the demo's trunk", "a carrier's"],
)
async def test_nobody_real_is_called_for_customers_who_are_none(
    monkeypatch: pytest.MonkeyPatch, pbx: Any, may_call: bool
) -> None:
    async def customers(center: Any, level: Level) -> str:
        return "customers"

    monkeypatch.setattr(demo, "_customers", customers)
    own = SimpleNamespace(telephony=SimpleNamespace(calls_out=True))
    center: Any = SimpleNamespace(pbx=pbx, pbxs=SimpleNamespace(own=own))
    assert await demo._traffic(center, Level.LIGHT) == "customers"
    assert own.telephony.calls_out is may_call
