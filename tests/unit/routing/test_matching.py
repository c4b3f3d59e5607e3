"""The sorted places against a naive look at everything."""

import random

import pytest

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing import matching
from routing.commands import Requirement
from routing.requirements import Profile, join, profile_key, shortfall
from tests.unit.routing.floor import Floor


def test_join_takes_the_higher_level_of_each_skill() -> None:
    joined = join(Requirement((("en", 2), ("de", 1))), Requirement((("en", 1), ("net", 3))))
    assert joined.skills == (("de", 1), ("en", 2), ("net", 3))
    assert join(joined, Requirement()) is joined


def test_shares_of_a_full_agent_add_up_exactly() -> None:
    profile = Profile(0, profile_key({}, None, {"voice": 1, "chat": 4, "email": 6, "sms": 0}))
    assert profile.unit == 12
    assert profile.share == {"voice": 12, "chat": 3, "email": 2}
    with pytest.raises(Invalid):
        profile_key({}, None, {"voice": -1})


def test_shortfall_names_the_first_lack() -> None:
    profile = Profile(0, profile_key({"en": 1}, frozenset({"q"}), {"voice": 1}))
    need = Requirement((("en", 2),))
    assert shortfall(profile, "q", "voice", need) == ("skill", "en", 2)
    assert shortfall(profile, "other", "voice", Requirement()) == ("queue", "other", 0)
    assert shortfall(profile, "q", "chat", Requirement()) == ("medium", "chat", 0)
    assert shortfall(profile, "q", "voice", Requirement((("en", 1),))) is None


def test_empty_lines_are_dropped_and_their_bits_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_LINES", 4)
    floor = Floor()
    floor.agent("a1", {"s0": 1, "s99": 9}, presence=c.Presence.NOT_READY)
    floor.call("stays", need={"s0": 1})
    for number in range(1, 40):
        floor.call(f"i{number}", need={f"s{number}": 1})
        floor.do(c.Withdraw(f"i{number}"))
    assert len(floor.engine.matching._lines) <= 4
    assert len(floor.engine.matching._line_at) <= 4
    floor.call("wrong", need={"s50": 1})
    floor.do(c.SetPresence("a1", c.Presence.READY))
    assert floor.one(c.Reserve).interaction_id == "stays"


def test_free_lists_answer_like_a_look_at_everybody() -> None:
    chance = random.Random(7)
    floor = Floor()
    skills = [f"s{number}" for number in range(6)]
    for number in range(80):
        own = {skill: chance.randint(1, 3) for skill in chance.sample(skills, chance.randint(1, 4))}
        floor.agent(f"a{number}", own, idle=chance.randint(0, 500))
    for number in range(200):
        need = {skill: chance.randint(1, 3) for skill in chance.sample(skills, chance.randint(0, 2))}
        able = [
            (agent.idle_since, agent.id)
            for agent in floor.engine.agents.values()
            if agent.reservation is None and all(agent.profile.skills.get(k, 0) >= v for k, v in need.items())
        ]
        reserved = floor.call(f"i{number}", need=need)
        assert (reserved and reserved.agent_id) == min(able, default=(0, None))[1]
        if reserved:
            assert reserved.why.candidates == len(able)
            assert list(reserved.why.best) == [(name, since) for since, name in sorted(able)[:3]]
