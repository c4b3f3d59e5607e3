"""What holds for an agent: his own settings over those of his profile; and what is refused."""

import pytest

from contactcenter.agents.model import Known, OwnSettings, RoutingProfile, check_settings, merged
from contactcenter.core.errors import Invalid
from routing.commands import Service

KNOWN = Known({"german", "routers"}, {"q1", "q2"}, set())
PROFILE = RoutingProfile("p1", "main", "Seniors", {"german": 5, "routers": 2}, {"q1": Service(1, 30.0)}, {"chat": 4})


def test_of_one_who_has_nothing_a_call_at_a_time_and_every_queue():
    assert merged(OwnSettings()) == ({}, None, {"voice": 1})


def test_a_profile_alone():
    assert merged(OwnSettings(), PROFILE) == (PROFILE.skills, PROFILE.queues, PROFILE.capacity)


def test_own_levels_win_skill_by_skill_and_the_rest_whole():
    own = OwnSettings({"german": 3}, {"q2": Service()}, {"voice": 1})
    assert merged(own, PROFILE) == ({"german": 3, "routers": 2}, {"q2": Service()}, {"voice": 1})


def test_an_empty_setting_of_ones_own_is_a_setting():
    assert merged(OwnSettings({}, {}, {}), PROFILE) == (PROFILE.skills, {}, {})


@pytest.mark.parametrize(
    "settings, wrong",
    [
        (OwnSettings({"none": 1}), {"skills": "unknown-skill"}),
        (OwnSettings({"german": 0}), {"skills": "level-out-of-range"}),
        (OwnSettings({"german": 11}), {"skills": "level-out-of-range"}),
        (OwnSettings(queues={"none": Service()}), {"queues": "unknown-queue"}),
        (
            OwnSettings(queues={"q1": Service(-1, 86_401.0), "q2": Service(101)}),
            {"queues.q1.order": "out-of-range", "queues.q1.delay": "out-of-range", "queues.q2.order": "out-of-range"},
        ),
        (OwnSettings(queues={"q1": Service(0, float("nan"))}), {"queues.q1.delay": "out-of-range"}),
        (OwnSettings(capacity={"fax": 1}), {"capacity": "unknown-medium"}),
        (
            OwnSettings(capacity={"voice": 2, "chat": 0, "email": 51}),
            dict.fromkeys(("capacity.voice", "capacity.chat", "capacity.email"), "out-of-range"),
        ),
        (
            RoutingProfile("p", "main", "P", {"none": 1}, {"none": Service()}, {"fax": 1}),
            {"skills": "unknown-skill", "queues": "unknown-queue", "capacity": "unknown-medium"},
        ),
    ],
)
def test_every_wrong_setting_is_named(settings, wrong):
    with pytest.raises(Invalid) as caught:
        check_settings(settings, KNOWN)
    assert caught.value.fields == wrong


def test_what_is_right_passes():
    check_settings(PROFILE, KNOWN)
    check_settings(OwnSettings(), KNOWN)
    check_settings(OwnSettings({"german": 10}, {}, {"voice": 1, "chat": 20, "email": 50}), KNOWN)
