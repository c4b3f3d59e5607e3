import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from contactcenter.core.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import ROLES, SYSTEM, Right, Scope
from contactcenter.core.sessions import IDLE_TIME, LIFETIME, sessions_table
from contactcenter.users.attempts import SignInAttempts
from contactcenter.users.model import SessionEnded, SessionStarted, SignInRefused, token_rights
from contactcenter.users.store import api_tokens_table, users_table
from tests.rig.rooms import PASSWORD, open_rooms

HERE = {"address": "10.0.0.9"}


async def signed_in(rooms, login="ines"):
    return await rooms.users.sign_in(login, PASSWORD, **HERE)


async def holds(rooms, token):
    try:
        return (await rooms.principals.by_session(token)).principal.login
    except Unauthenticated as error:
        return error.code


async def token_holds(rooms, secret):
    try:
        return sorted((await rooms.principals.by_token(secret)).principal.rights)
    except Unauthenticated as error:
        return error.code


# ------------------------------------------------------------------ signing in


async def test_a_session_holds_until_signed_out(rooms):
    ines = await rooms.user("ines")
    signed = await signed_in(rooms)
    assert await holds(rooms, signed.token) == "ines"
    await rooms.users.sign_out(ines, signed.session_id)
    assert await holds(rooms, signed.token) == "session-over"
    await rooms.users.sign_out(ines, signed.session_id)
    told = await rooms.events("session-started", "session-ended")
    assert told == [
        (SessionStarted(ines.user_id, signed.session_id), ines.user_id),
        (SessionEnded(ines.user_id, signed.session_id, "signed-out"), ines.user_id),
    ]


async def test_the_login_is_found_in_any_case_and_width(rooms):
    await rooms.user("ines")
    for login in ("INES", " ines ", "\uff29\uff2e\uff25\uff33"):
        assert (await signed_in(rooms, login)).user.login == "ines"


async def test_wrong_unknown_and_locked_are_told_the_same(rooms):
    ines = await rooms.user("ines")
    locked = await rooms.user("locked")
    await rooms.users.update_user(SYSTEM, locked.user_id, {"is_active": False})
    tries = [("ines", "wrong password"), ("nobody", PASSWORD), ("locked", PASSWORD), ("' OR 1=1 --", "x"), ("", "")]
    for login, password in tries:
        with pytest.raises(Unauthenticated) as caught:
            await rooms.users.sign_in(login, password, **HERE)
        assert (caught.value.code, caught.value.fields) == ("bad-credentials", {})
    refused = [fact for fact, _ in await rooms.events("sign-in-refused")]
    assert refused[:3] == [
        SignInRefused(ines.user_id, "wrong"),
        SignInRefused("", "unknown"),
        SignInRefused(locked.user_id, "locked"),
    ]


async def test_no_secret_is_stored(rooms):
    await rooms.user("admin", "administrator")
    signed = await signed_in(rooms, "admin")
    _, secret = await rooms.users.create_token(await rooms.principal(signed.user.user_id), "t", frozenset({Right.DESK}))
    tables = (users_table, sessions_table, api_tokens_table)
    stored = await rooms.database.read(lambda c: repr([c.execute(select(table)).all() for table in tables]))
    for kept_to_oneself in (PASSWORD, signed.token, secret, secret.removeprefix("cct_")):
        assert kept_to_oneself not in stored
    assert PASSWORD not in repr(signed.user)


async def test_too_many_failures_close_the_login_for_everybody_and_the_address_for_all(tmp_path):
    async with open_rooms(tmp_path, SignInAttempts("3/minute", "5/minute")) as rooms:
        await rooms.user("ines")
        await rooms.user("ben")

        async def attempt(login, password, address):
            try:
                await rooms.users.sign_in(login, password, address=address)
            except (Unauthenticated, RateLimited) as error:
                return error.code
            return "in"

        assert [await attempt("ines", "wrong", "1.1.1.1") for _ in range(4)] == ["bad-credentials"] * 3 + [
            "rate-limited"
        ]
        assert await attempt("INES ", PASSWORD, "2.2.2.2") == "rate-limited"
        assert await attempt("ben", PASSWORD, "1.1.1.1") == "in"
        assert [await attempt(f"guess{n}", "wrong", "1.1.1.1") for n in range(3)] == ["bad-credentials"] * 2 + [
            "rate-limited"
        ]
        assert await attempt("ben", PASSWORD, "1.1.1.1") == "rate-limited"
        assert await attempt("ben", PASSWORD, "2.2.2.2") == "in"


async def test_success_forgets_the_failures_of_the_login(tmp_path):
    async with open_rooms(tmp_path, SignInAttempts("3/minute", "50/minute")) as rooms:
        await rooms.user("ines")
        for _ in range(3):
            for _ in range(2):
                with pytest.raises(Unauthenticated):
                    await rooms.users.sign_in("ines", "wrong", **HERE)
            await signed_in(rooms)


async def test_many_guesses_at_the_same_time_are_counted_too(tmp_path):
    async with open_rooms(tmp_path, SignInAttempts("3/minute", "50/minute")) as rooms:
        await rooms.user("ines")
        tries = [rooms.users.sign_in("ines", f"guess {n}", **HERE) for n in range(30)]
        failures = [type(error) for error in await asyncio.gather(*tries, return_exceptions=True)]
        assert failures.count(Unauthenticated) <= 4
        assert failures.count(RateLimited) >= 26


# ------------------------------------------------------------------ sessions


async def test_use_moves_the_idle_time_on_but_not_the_end(rooms):
    await rooms.user("ines")
    signed = await signed_in(rooms)
    steps = 0
    while await holds(rooms, signed.token) == "ines":
        rooms.clock.advance((IDLE_TIME - timedelta(minutes=1)).total_seconds())
        await rooms.database.flush()
        steps += 1
    assert steps == LIFETIME // (IDLE_TIME - timedelta(minutes=1)) + 1


async def test_an_idle_session_ends(rooms):
    await rooms.user("ines")
    signed = await signed_in(rooms)
    rooms.clock.advance(IDLE_TIME.total_seconds())
    assert await holds(rooms, signed.token) == "session-over"


async def test_a_revoked_session_is_over_at_once_although_it_was_just_seen(rooms):
    ines = await rooms.user("ines")
    one, two = await signed_in(rooms), await signed_in(rooms)
    assert [await holds(rooms, s.token) for s in (one, two)] == ["ines", "ines"]
    await rooms.users.revoke_session(ines, one.session_id)
    assert [await holds(rooms, s.token) for s in (one, two)] == ["session-over", "ines"]
    assert [s.session_id for s in await rooms.users.list_sessions(ines)] == [two.session_id]


async def test_what_was_read_before_a_revocation_is_not_remembered_after_it(rooms):
    """A read that began before the revocation and ends after it must not bring the session back."""
    ines = await rooms.user("ines")
    signed = await signed_in(rooms)
    read = rooms.database.read

    async def read_and_be_overtaken(work):
        found = await read(work)
        rooms.database.read = read
        await rooms.users.revoke_session(ines, signed.session_id)
        return found

    rooms.database.read = read_and_be_overtaken
    assert await holds(rooms, signed.token) == "ines"  # that one request was there before
    assert await holds(rooms, signed.token) == "session-over"


async def test_a_principal_is_read_again_after_two_seconds(rooms):
    await rooms.user("ines")
    signed = await signed_in(rooms)
    await holds(rooms, signed.token)
    reads = 0
    read = rooms.database.read

    async def counting(work):
        nonlocal reads
        reads += 1
        return await read(work)

    rooms.database.read = counting
    for pause, expected in ((0, 0), (1.9, 0), (0.2, 1), (0, 1)):
        rooms.clock.advance(pause)
        await holds(rooms, signed.token)
        assert reads == expected


async def test_nobody_ends_another_s_session(rooms):
    await rooms.user("ines")
    ben = await rooms.user("ben")
    signed = await signed_in(rooms)
    with pytest.raises(NotFound):
        await rooms.users.revoke_session(ben, signed.session_id)
    await rooms.users.sign_out(ben, signed.session_id)
    assert await holds(rooms, signed.token) == "ines"


# ------------------------------------------------------------------ users


@pytest.mark.parametrize("changes", [{"role": "supervisor"}, {"is_active": False}, {"password": "another horse"}])
async def test_role_lock_and_password_end_every_session_at_once(rooms, changes):
    ines = await rooms.user("ines")
    signed = await signed_in(rooms)
    assert await holds(rooms, signed.token) == "ines"
    await rooms.users.update_user(SYSTEM, ines.user_id, changes)
    assert await holds(rooms, signed.token) == "session-over"


async def test_a_locked_user_s_token_holds_no_more(rooms):
    admin = await rooms.user("admin", "administrator")
    await rooms.user("second", "administrator")
    _, secret = await rooms.users.create_token(admin, "t", frozenset({Right.USERS_READ}))
    assert await token_holds(rooms, secret) == ["signed-in", "users:read"]
    await rooms.users.update_user(SYSTEM, admin.user_id, {"is_active": False})
    assert await token_holds(rooms, secret) == "token-invalid"


async def test_nobody_hands_out_more_than_he_holds(rooms):
    admin = await rooms.user("admin", "administrator")
    staff = {**ROLES["supervisor"], Right.USERS_WRITE: Scope.ALL, Right.USERS_READ: Scope.ALL}
    clerk = replace(await rooms.user("clerk", "supervisor"), rights=staff)
    with pytest.raises(Forbidden):
        await rooms.users.create_user(clerk, "boss", "Boss", "administrator", PASSWORD)
    for changes in ({"password": "taken over"}, {"role": "agent"}, {"is_active": False}, {"name": "Fool"}):
        with pytest.raises(Forbidden):
            await rooms.users.update_user(clerk, admin.user_id, changes)
    with pytest.raises(Forbidden):
        await rooms.users.update_user(clerk, clerk.user_id, {"role": "administrator"})
    with pytest.raises(Forbidden):
        await rooms.users.revoke_sessions(clerk, admin.user_id)
    made = await rooms.users.create_user(clerk, "new", "New", "agent", PASSWORD)
    assert made.role == "agent"


async def test_the_last_administrator_stays(rooms):
    admin = await rooms.user("admin", "administrator")
    for changes in ({"role": "agent"}, {"is_active": False}):
        with pytest.raises(Conflict, match="last-administrator"):
            await rooms.users.update_user(admin, admin.user_id, changes)
    await rooms.user("second", "administrator")
    await rooms.users.update_user(admin, admin.user_id, {"is_active": False})


async def test_own_scope_reaches_oneself_only(rooms):
    ines, ben = await rooms.user("ines"), await rooms.user("ben")
    own = replace(ines, rights={**ines.rights, Right.USERS_READ: Scope.OWN, Right.USERS_WRITE: Scope.OWN})
    assert [u.login for u in (await rooms.users.list_users(own, Paging())).items] == ["ines"]
    for act in (rooms.users.get_user(own, ben.user_id), rooms.users.update_user(own, ben.user_id, {"name": "X"})):
        with pytest.raises(NotFound):
            await act


@pytest.mark.parametrize(
    "values, wrong",
    [
        ({"password": "short"}, {"password": "too-short"}),
        ({"password": "x" * 201}, {"password": "too-long"}),
        ({"role": "emperor"}, {"role": "unknown-role"}),
        ({"login": " "}, {"login": "missing"}),
    ],
)
async def test_wrong_values_are_named(rooms, values, wrong):
    fresh = {"login": "new", "name": "New", "role": "agent", "password": PASSWORD}
    with pytest.raises(Invalid) as caught:
        await rooms.users.create_user(SYSTEM, **{**fresh, **values})
    assert caught.value.fields == wrong


async def test_a_login_is_taken_in_any_case(rooms):
    await rooms.user("ines")
    with pytest.raises(Conflict, match="login-taken"):
        await rooms.users.create_user(SYSTEM, "INES", "Other", "agent", PASSWORD)


async def test_fields_that_are_not_for_changing_are_refused(rooms):
    ines = await rooms.user("ines")
    for field in ("user_id", "login", "password_hash", "rights"):
        with pytest.raises(Invalid):
            await rooms.users.update_user(SYSTEM, ines.user_id, {field: "x"})


async def test_one_s_own_password_needs_the_present_one(rooms):
    ines = await rooms.user("ines")
    signed = await signed_in(rooms)
    with pytest.raises(Unauthenticated):
        await rooms.users.set_password(ines, "wrong horse", "brand new horse", **HERE)
    assert await holds(rooms, signed.token) == "ines"
    await rooms.users.set_password(ines, PASSWORD, "brand new horse", **HERE)
    assert await holds(rooms, signed.token) == "session-over"
    with pytest.raises(Unauthenticated):
        await signed_in(rooms)
    assert (await rooms.users.sign_in("ines", "brand new horse", **HERE)).user.login == "ines"


async def test_one_s_own_language(rooms):
    ines = await rooms.user("ines")
    signed = await signed_in(rooms)
    await rooms.users.set_language(ines, "ru")
    assert (await rooms.principals.by_session(signed.token)).principal.language == "ru"


# ------------------------------------------------------------------ tokens


async def test_a_token_holds_what_was_chosen_as_far_as_its_owner_reaches(rooms):
    admin = await rooms.user("admin", "administrator")
    _, secret = await rooms.users.create_token(admin, "export", frozenset({Right.TICKETS_READ}))
    identity = await rooms.principals.by_token(secret)
    assert dict(identity.principal.rights) == {Right.TICKETS_READ: Scope.ALL, Right.SIGNED_IN: Scope.ALL}
    assert (identity.session_id, bool(identity.token_id)) == ("", True)
    with pytest.raises(Forbidden):
        await rooms.users.create_token(identity.principal, "more", frozenset({Right.TICKETS_READ}))


async def test_a_token_shrinks_with_its_owner(rooms):
    admin = await rooms.user("admin", "administrator")
    await rooms.user("second", "administrator")
    _, secret = await rooms.users.create_token(admin, "t", frozenset({Right.TICKETS_READ, Right.USERS_WRITE}))
    await rooms.users.update_user(SYSTEM, admin.user_id, {"role": "agent"})
    rights = (await rooms.principals.by_token(secret)).principal.rights
    assert dict(rights) == {Right.TICKETS_READ: Scope.TEAM, Right.SIGNED_IN: Scope.OWN}


def test_a_token_never_holds_a_right_its_owner_lacks():
    assert token_rights(ROLES["agent"], {Right.USERS_WRITE}) == {Right.SIGNED_IN: Scope.OWN}


async def test_nobody_makes_a_token_with_a_right_he_lacks(rooms):
    clerk = replace(await rooms.user("clerk"), rights={**ROLES["agent"], Right.TOKENS_WRITE: Scope.OWN})
    with pytest.raises(Forbidden):
        await rooms.users.create_token(clerk, "t", frozenset({Right.USERS_WRITE}))


async def test_a_revoked_token_is_over_at_once_although_it_was_just_used(rooms):
    admin = await rooms.user("admin", "administrator")
    token, secret = await rooms.users.create_token(admin, "t", frozenset({Right.DESK}))
    assert await token_holds(rooms, secret) == ["desk:use", "signed-in"]
    await rooms.users.revoke_token(admin, token.token_id)
    assert await token_holds(rooms, secret) == "token-invalid"
    assert list(await rooms.users.list_tokens(admin)) == []
    with pytest.raises(NotFound):
        await rooms.users.revoke_token(admin, token.token_id)


async def test_a_token_ends_when_it_said_it_would(rooms):
    admin = await rooms.user("admin", "administrator")
    with pytest.raises(Invalid):
        await rooms.users.create_token(admin, "t", frozenset({Right.DESK}), rooms.clock.now())
    ends = rooms.clock.now() + timedelta(hours=1)
    _, secret = await rooms.users.create_token(admin, "t", frozenset({Right.DESK}), ends)
    rooms.clock.advance(3599)
    assert await token_holds(rooms, secret) == ["desk:use", "signed-in"]
    rooms.clock.advance(2.1)
    assert await token_holds(rooms, secret) == "token-invalid"


async def test_own_scope_reaches_own_tokens_only(rooms):
    admin = await rooms.user("admin", "administrator")
    token, _ = await rooms.users.create_token(admin, "t", frozenset({Right.DESK}))
    clerk = replace(await rooms.user("clerk"), rights={**ROLES["agent"], Right.TOKENS_WRITE: Scope.OWN})
    assert list(await rooms.users.list_tokens(clerk)) == []
    with pytest.raises(NotFound):
        await rooms.users.revoke_token(clerk, token.token_id)


@pytest.mark.parametrize("secret", ["", "cct_", "cct_" + "x" * 43, "x" * 5000, "' OR 1=1 --", "\x00"])
async def test_a_forged_secret_is_nobody(rooms, secret):
    assert await token_holds(rooms, secret) == "token-invalid"
    assert await holds(rooms, secret) == "session-over"
