"""Ready while calls are served and kept, whatever else is degraded; causes are for insiders; figures of all parts."""

import json
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from contactcenter.core.events import Envelope
from contactcenter.core.ids import ServerId, UserId
from contactcenter.core.permissions import ROLES, Principal, Right, Scope
from contactcenter.core.tasks import TaskSupervisor
from contactcenter.core.web.access import Services
from contactcenter.core.web.openapi import openapi
from contactcenter.interactions.live import Link
from contactcenter.interactions.model import InteractionEnded, Outcome
from contactcenter.operation import EventsQuery, Operation, operation_routes, readyz
from tests.fakes.room import Room

FLOW = {"code": "flow-invalid", "since": None, "fields": {"file": "main.yaml", "line": 3, "reason": "typo"}}
PUBLIC = Principal(UserId(""), "", {})
PROBE = Principal(UserId("p"), "probe", {Right.METRICS_READ: Scope.ALL})
SUPERVISOR = Principal(UserId("s"), "sofia", ROLES["supervisor"])
AGENT = Principal(UserId("a"), "ann", ROLES["agent"])


@pytest.fixture
def operation():
    room = Room()
    listeners = []
    publisher = SimpleNamespace(subscribe=listeners.append)
    database = SimpleNamespace(degraded="", pending=0)
    made = Operation(database, publisher, room.time, room.picture, TaskSupervisor())
    room.picture.links[ServerId("pbx1")] = Link(ServerId("pbx1"), up=True, reason="")
    made.room = room
    made.told = listeners[0]
    return made


async def asked(operation, principal=PUBLIC):
    services = Services()
    services.add(operation)
    answer = await readyz(SimpleNamespace(services=services, principal=principal))
    return answer.status, json.loads(answer.text)


async def test_a_refused_flow_file_is_listed_and_calls_are_served(operation):
    operation.sources.append(lambda: [FLOW])
    status, body = await asked(operation)
    assert (status, body["ready"]) == (200, True)
    assert body["degraded"] == [{"code": "flow-invalid", "fields": {}}]


@pytest.mark.parametrize(
    "principal, told", [(PUBLIC, {}), (AGENT, {}), (SUPERVISOR, FLOW["fields"]), (PROBE, FLOW["fields"])]
)
async def test_causes_are_for_insiders(operation, principal, told):
    operation.sources.append(lambda: [FLOW])
    _, body = await asked(operation, principal)
    assert body["degraded"][0]["fields"] == told


async def test_a_link_down_and_a_store_that_refuses_are_not_ready(operation):
    operation.database.degraded = "disk full"
    assert (await asked(operation))[0] == 503
    operation.database.degraded = ""
    operation.room.picture.links[ServerId("pbx1")].up = False
    assert (await asked(operation))[0] == 503
    operation.room.picture.links.clear()
    assert (await asked(operation))[0] == 503


async def test_a_simulated_pbx_that_nobody_asked_for_is_not_ready(operation):
    operation.is_stand_in = True
    assert (await asked(operation))[0] == 503


def test_metrics_show_what_parts_count_and_who_is_in_fallback(operation):
    counts = SimpleNamespace(failed=1)
    operation.show("agi_failed", "FastAGI", lambda: counts.failed)
    operation.room.arrive().in_fallback = True
    counts.failed = 4
    text = operation.metrics().decode()
    assert "contactcenter_agi_failed 4.0" in text
    assert "contactcenter_in_fallback 1.0" in text


def test_metrics_count_events_by_kind_and_interactions_by_outcome(operation):
    item = operation.room.arrive()
    for outcome in (Outcome.ABANDONED, Outcome.ABANDONED, Outcome.ANSWERED):
        operation.told(Envelope(InteractionEnded(item.interaction_id, outcome, ""), operation.room.time.now()))
    text = operation.metrics().decode()
    assert 'contactcenter_events_total{kind="interaction-ended"} 3.0' in text
    assert 'contactcenter_interactions_total{outcome="abandoned"} 2.0' in text
    assert "# TYPE contactcenter_events_total counter" in text


async def test_one_of_several_servers_lost_is_named_and_the_others_serve(operation):
    links, trunks = operation.room.picture.links, operation.room.picture.trunks
    near, far = ServerId("pbx1"), ServerId("pbx2")
    links[far] = Link(far)
    status, body = await asked(operation, SUPERVISOR)
    lost = {"code": "pbx-link-down", "fields": {"server": far, "reason": "connecting"}}
    assert (status, body["degraded"]) == (200, [lost]), "what nobody has reached yet counts as away"
    links[far].up = True
    trunks[far, near] = True
    status, body = await asked(operation, SUPERVISOR)
    down = {"code": "trunk-down", "fields": {"server": near, "to": far}}
    assert (status, body["degraded"]) == (200, [down]), "also one that is not there at all"
    trunks[near, far] = True
    assert (await asked(operation))[1]["degraded"] == []
    links[near].up = links[far].up = False
    assert (await asked(operation))[0] == 503


def test_a_place_in_the_journal_is_a_number_a_database_can_compare():
    assert EventsQuery.model_validate({"after": str(2**63 - 1)}).after == 2**63 - 1
    for after in (-1, 2**63, "1" * 50):
        with pytest.raises(ValidationError):
            EventsQuery.model_validate({"after": after})


def test_metrics_are_described_as_the_text_they_are():
    described = openapi(operation_routes.routes)["paths"]["/metrics"]["get"]["responses"]
    assert described["200"]["content"] == {"text/plain": {"schema": {"type": "string"}}}
    assert "204" not in described
