import itertools

import pytest

from contactcenter.core.errors import Forbidden
from contactcenter.core.ids import UserId
from contactcenter.core.permissions import ROLES, SYSTEM, Principal, Right, Scope, require


def principal(role):
    return Principal(UserId("u1"), "ines", ROLES[role])


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("right", Right)
def test_a_right_not_granted_is_refused_by_name(role, right):
    who = principal(role)
    if right in ROLES[role]:
        assert require(who, right) == ROLES[role][right]
        assert who.may(right)
        return
    assert not who.may(right)
    with pytest.raises(Forbidden) as refused:
        require(who, right)
    assert (refused.value.code, refused.value.fields) == ("forbidden", {"right": right.value})


def test_nobody_has_anything_by_default():
    for right in Right:
        assert not Principal(UserId("u"), "u", {}).may(right)


def test_no_role_grants_the_public_right():
    """``PUBLIC`` marks an entry that needs no sign-in; it is not something one holds."""
    assert not [role for role, rights in ROLES.items() if Right.PUBLIC in rights]


def test_each_role_reaches_at_least_as_far_as_the_one_below():
    order = ["agent", "supervisor", "administrator"]
    for lower, higher in itertools.pairwise(order):
        assert all(ROLES[higher][right] >= scope for right, scope in ROLES[lower].items())


def test_an_agent_reaches_his_own_calls_and_no_administration():
    agent = ROLES["agent"]
    assert agent[Right.INTERACTIONS_READ] is Scope.OWN
    assert not {Right.USERS_READ, Right.USERS_WRITE, Right.TOKENS_WRITE, Right.AUDIT_READ, Right.LIVE_VIEW} & set(agent)


def test_the_program_itself_may_all():
    assert all(require(SYSTEM, right) is Scope.ALL for right in Right if right is not Right.PUBLIC)
