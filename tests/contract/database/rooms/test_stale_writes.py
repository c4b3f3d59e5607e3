"""A change made of a version that is no longer the latest is refused, whoever was quicker."""

import asyncio

import pytest
from sqlalchemy import delete

from contactcenter.agents.service import AgentService
from contactcenter.core.errors import Stale
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM
from contactcenter.core.versions import list_versions, versions_table
from contactcenter.queues.service import QueueService


@pytest.fixture
async def things(rooms):
    """By kind: its id, and how it is changed to a name of a version."""
    german = (await rooms.agents.save_skill(SYSTEM, "german", "German")).skill_id
    north = (await rooms.agents.save_team(SYSTEM, "North", frozenset())).team_id
    support = (await rooms.queues.create_queue(SYSTEM, {"name": "Support"})).queue_id
    seniors = (await rooms.profiles.create_profile(SYSTEM, {"name": "Seniors"})).profile_id
    ann = (await rooms.agent("ann", "1001")).agent_id
    return {
        "skill": (german, lambda by, name, of: rooms.agents.save_skill(by, "german", name, german, of)),
        "team": (north, lambda by, name, of: rooms.agents.save_team(by, name, frozenset(), north, of)),
        "queue": (support, lambda by, name, of: rooms.queues.update_queue(by, support, {"name": name}, of)),
        "profile": (seniors, lambda by, name, of: rooms.profiles.update_profile(by, seniors, {"name": name}, of)),
        "agent": (ann, lambda by, name, of: rooms.agents.update_agent(by, ann, {"name": name}, of)),
    }


KINDS = ["skill", "team", "queue", "profile", "agent"]


async def kept(rooms, kind, things):
    thing_id = things[kind][0]
    page = await rooms.database.read(lambda c: list_versions(c, kind, thing_id, Paging(200)))
    return [(one.number, one.change, one.actor) for one in page.items]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_second_is_refused_and_told_who_was_first(rooms, things, kind):
    admin = await rooms.user("admin", "administrator")
    _, change = things[kind]
    rooms.clock.advance(60)
    assert (await change(admin, "First", 1)).version == 2
    with pytest.raises(Stale) as refused:
        await change(SYSTEM, "Second", 1)
    fields = refused.value.fields
    assert (refused.value.code, fields["version"], fields["by"]) == ("changed-meanwhile", 2, admin.user_id)
    assert fields["fields"] == (["label"] if kind == "skill" else ["name"])
    assert fields["at"] == rooms.clock.now().isoformat(timespec="milliseconds")
    assert await kept(rooms, kind, things) == [(2, "updated", admin.user_id), (1, "created", "")]
    assert (await change(SYSTEM, "Second", 2)).version == 3
    assert (await change(SYSTEM, "Third", None)).version == 4


@pytest.mark.parametrize("kind", KINDS)
async def test_of_many_at_once_one_is_first(rooms, things, kind):
    _, change = things[kind]
    answers = await asyncio.gather(*(change(SYSTEM, f"Name {n}", 1) for n in range(12)), return_exceptions=True)
    refused = [one for one in answers if isinstance(one, Stale)]
    assert len(refused) == 11
    assert [number for number, *_ in await kept(rooms, kind, things)] == [2, 1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_thing_of_which_nothing_is_kept_has_version_nought(rooms, things, kind):
    _, change = things[kind]
    await rooms.database.write(lambda tx: tx.execute(delete(versions_table)))  # as of before versions were kept
    assert (await change(SYSTEM, "First", 0)).version == 2
    with pytest.raises(Stale):
        await change(SYSTEM, "Second", 0)
    assert [change for _, change, _ in await kept(rooms, kind, things)] == ["updated", "found"]


async def test_lists_and_single_things_tell_the_same_version(rooms, things):
    agents: AgentService = rooms.agents
    queues: QueueService = rooms.queues
    for kind in KINDS:
        await things[kind][1](SYSTEM, "Renamed", 1)
    ann = things["agent"][0]
    listed = [
        *await agents.list_skills(SYSTEM),
        *await agents.list_teams(SYSTEM),
        *await queues.list_queues(SYSTEM),
        *await rooms.profiles.list_profiles(SYSTEM),
        *(await agents.list_agents(SYSTEM, Paging())).items,
        await agents.get_agent(SYSTEM, ann),
        await queues.get_queue(SYSTEM, things["queue"][0]),
        await rooms.profiles.get_profile(SYSTEM, things["profile"][0]),
    ]
    assert [one.version for one in listed] == [2] * 8
