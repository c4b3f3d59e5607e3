"""What agents offer against what is needed, and the sorted places against a naive look at everything."""

import random

import pytest

from contactcenter.core.errors import Invalid
from routing import commands as c
from routing import lines, waiting
from routing.commands import RelaxationStep, Requirement, Service
from routing.heads import Heads
from routing.requirements import Profile, join, profile_key, relax, shortfall
from routing.why import render
from tests.unit.routing.floor import Floor


def test_join_takes_the_higher_level_of_each_skill() -> None:
    joined = join(Requirement((("en", 2), ("de", 1))), Requirement((("en", 1), ("net", 3))))
    assert joined.skills == (("de", 1), ("en", 2), ("net", 3))
    assert join(joined, Requirement()) is joined


def test_join_keeps_all_groups_and_the_teams_both_allow() -> None:
    own = Requirement(any_of=((("en", 1), ("fr", 1)),), teams=("a", "b"), preferred=(("net", 1),))
    queues = Requirement(any_of=((("gold", 2),),), teams=("b", "c"), preferred=(("net", 2),))
    joined = join(own, queues)
    assert joined.any_of == ((("en", 1), ("fr", 1)), (("gold", 2),))
    assert (joined.teams, joined.preferred) == (("b",), (("net", 2),))
    assert join(Requirement(teams=("a",)), queues).teams == ("a",)
    assert join(Requirement(), queues).teams == ("b", "c")


def test_steps_lower_drop_and_widen_one_after_the_other() -> None:
    need = Requirement((("de", 1), ("en", 5)), ((("fr", 2), ("it", 2)),), ("a",))
    first = RelaxationStep(10, (("en", 3),), ("b",))
    second = RelaxationStep(20, (("de", 0), ("fr", 0)), any_team=True)
    assert relax(need, []) is need
    assert relax(need, [first]) == Requirement((("de", 1), ("en", 3)), need.any_of, ("a", "b"))
    assert relax(need, [first, second]) == Requirement((("en", 3),))


def test_shares_of_a_full_agent_add_up_exactly() -> None:
    profile = Profile(0, profile_key({}, None, {"voice": 1, "chat": 4, "email": 6, "sms": 0}))
    assert profile.unit == 12
    assert profile.share == {"voice": 12, "chat": 3, "email": 2}
    with pytest.raises(Invalid):
        profile_key({}, None, {"voice": -1})


def test_shortfall_names_the_first_lack() -> None:
    profile = Profile(0, profile_key({"en": 1}, {"q": Service(0, 30)}, {"voice": 1}, "a"))
    need = Requirement((("en", 2),))
    assert shortfall(profile, "q", "voice", need, 30) == ("skill", "en", 2)
    assert shortfall(profile, "q", "voice", Requirement(any_of=((("de", 1), ("fr", 1)),)), 30) == ("skill", "de", 1)
    assert shortfall(profile, "q", "voice", Requirement(teams=("b", "c")), 30) == ("team", "b", 0)
    assert shortfall(profile, "other", "voice", Requirement(), 30) == ("queue", "other", 0)
    assert shortfall(profile, "q", "chat", Requirement(), 30) == ("medium", "chat", 0)
    assert shortfall(profile, "q", "voice", Requirement(), 0) == ("delay", "q", 0)
    met = Requirement((("en", 1),), ((("de", 1), ("en", 1)),), ("a", "b"))
    assert shortfall(profile, "q", "voice", met, 30) is None


def test_heads_find_the_first_that_belong() -> None:
    chance = random.Random(3)
    heads, entries = Heads(), {}
    for _ in range(500):
        number = chance.randrange(40)
        if number in entries and chance.random() < 0.3:
            heads.drop(number)
            del entries[number]
        else:
            entries[number] = (chance.randrange(10), f"id{number}")
            heads.set(number, entries[number])
        belong = set(chance.sample(range(40), chance.choice((1, 2, 5, 20, 39))))
        ranked = sorted((entry, number) for number, entry in entries.items() if number in belong)
        bits = sum(1 << number for _, number in ranked)
        assert heads.bits == sum(1 << number for number in entries)
        assert heads.among(bits, 3) == [number for _, number in ranked[:3]]
        assert heads.first(bits, [belong.__contains__], 3) == [number for _, number in ranked[:3]]
        even = [number for _, number in ranked if number % 2 == 0]
        assert heads.first(bits, [belong.__contains__, lambda number: number % 2 == 0], 3) == even[:3]


def test_empty_lines_are_dropped_and_their_numbers_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MAX_LINES", 4)
    floor = Floor()
    floor.agent("a1", {"s0": 1, "s99": 9}, presence=c.Presence.NOT_READY)
    floor.call("stays", need={"s0": 1})
    for number in range(1, 40):
        floor.call(f"i{number}", need={f"s{number}": 1})
        floor.do(c.Withdraw(f"i{number}"))
    assert len(floor.engine.matching.waiting.queues["sales"].lines) <= 4
    assert len(floor.engine.matching.waiting._lines) <= 4
    floor.call("wrong", need={"s50": 1})
    floor.do(c.SetPresence("a1", c.Presence.READY))
    assert floor.one(c.Reserve).interaction_id == "stays"


def test_of_more_requirements_than_are_kept_each_is_still_told_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MOST_KEPT", 3)
    floor = Floor()
    for number in range(12):
        preferred = Requirement(((f"s{number}", 1),), preferred=((f"p{number}", 1),))
        floor.do(c.Enqueue(f"i{number:02}", f"v{number}", c.QueueId("sales"), requirement=preferred))
    assert len(floor.engine.matching.waiting.queues["sales"]._numbers) <= 3
    for number in (11, 0, 7):
        floor.agent(f"a{number}", {f"s{number}": 1})
        assert floor.given_to() == f"a{number}"
        assert floor.one(c.Reserve).interaction_id == f"i{number:02}"


def test_who_comes_with_a_new_profile_has_his_place_in_the_order_at_once() -> None:
    floor = Floor()
    floor.agent("many", {"en": 1, "de": 1, "fr": 1}, idle=50)
    floor.call("i1", need={"en": 1})
    assert floor.given_to() == "many"
    floor.agent("other", {"en": 1, "de": 1, "fr": 1}, idle=40)
    floor.agent("few", {"en": 1}, idle=10)
    floor.call("i2", need={"en": 1})
    assert floor.given_to() == "few", "least flexible first"


def test_free_lists_answer_like_a_look_at_everybody() -> None:
    chance = random.Random(7)
    floor = Floor()
    floor.queue("sales", agent_rule=c.AgentRule.LONGEST_IDLE)
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
            assert render(reserved.why)["candidates"] == len(able)
            assert list(reserved.why.best) == [(name, since) for since, name in sorted(able)[:3]]
