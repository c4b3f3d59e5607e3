from http.cookies import SimpleCookie

import pytest
from aiohttp.test_utils import TestClient, TestServer

from contactcenter.core.web.access import WebSettings
from tests.integration.http.conftest import Browser
from tests.rig.rooms import PASSWORD


async def sign_in(browser, login="ines", password=PASSWORD, **options):
    return await browser("POST", "/api/v1/session", {"login": login, "password": password}, **options)


async def test_signing_in_sets_a_cookie_scripts_cannot_read(site):
    response = await sign_in(site.browsers["nobody"], status=200)
    cookie = SimpleCookie(response.headers["Set-Cookie"])["cc_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["secure"]
    assert len(cookie.value) >= 43
    assert response.data["user"]["login"] == "ines"
    assert response.data["user"]["agent_id"] == site.ines.agent_id
    assert "desk:use" in response.data["user"]["rights"]
    assert PASSWORD not in str(response.data)
    await Browser(site.client, cookie.value)("GET", "/api/v1/session", status=200)


async def test_the_cookie_is_secure_where_pages_are(rooms):
    await rooms.user("ines")
    async with TestClient(TestServer(rooms.app(WebSettings(secure_cookies=True)))) as client:
        response = await sign_in(Browser(client), status=200)
        assert SimpleCookie(response.headers["Set-Cookie"])["cc_session"]["secure"]
        assert "Strict-Transport-Security" not in response.headers, "it is 127.0.0.1"


@pytest.mark.parametrize(
    "headers, is_sent",
    [
        ({"Host": "desk.example"}, True),
        ({"Host": "desk.example:8443"}, True),
        ({"Host": "192.0.2.7"}, True),
        ({"Host": "localhost:8080"}, False),
        ({"Host": "app.localhost"}, False),
        ({"Host": "127.0.0.1:8080"}, False),
        ({"Host": "[::1]:8080"}, False),
        ({"Host": "127.0.0.1:8080", "X-Forwarded-Host": "desk.example"}, True),
        ({"Host": "desk.example", "X-Forwarded-Host": "localhost"}, False),
    ],
)
async def test_only_a_name_of_ours_is_kept_to_https(rooms, headers, is_sent):
    """A browser that learned it for localhost would refuse every other program there."""
    settings = WebSettings(secure_cookies=True, trusted_proxies=frozenset({"127.0.0.1"}))
    async with TestClient(TestServer(rooms.app(settings))) as client:
        response = await Browser(client)("GET", "/api/v1/session", headers=headers)
        assert ("Strict-Transport-Security" in response.headers) == is_sent


@pytest.mark.parametrize("login, password", [("ines", "wrong"), ("nobody", PASSWORD), ("' OR 1=1 --", "x")])
async def test_bad_credentials_are_401_and_say_no_more(site, login, password):
    response = await sign_in(site.browsers["nobody"], login, password, status=401)
    assert response.data == {"error": {"code": "bad-credentials", "fields": {}}}
    assert "Set-Cookie" not in response.headers


async def test_guessing_is_429_with_the_time_to_wait(site):
    nobody = site.browsers["nobody"]
    for _ in range(10):
        await sign_in(nobody, password="guess", status=401)
    response = await sign_in(nobody, status=429)
    assert response.data["error"]["code"] == "rate-limited"
    assert int(response.headers["Retry-After"]) > 0


async def test_signing_out_ends_the_session_and_the_cookie(site):
    ines = site.browsers["ines"]
    response = await ines("DELETE", "/api/v1/session", status=204)
    assert SimpleCookie(response.headers["Set-Cookie"])["cc_session"].value == ""
    assert (await ines("GET", "/api/v1/session", status=401)).data["error"]["code"] == "session-over"


async def test_a_revoked_session_is_over_with_the_next_request(site):
    ines = site.browsers["ines"]
    other = await site.users.sign_in("ines", PASSWORD, address="127.0.0.1")
    second = Browser(site.client, other.token)
    await second("GET", "/api/v1/session", status=200)
    listed = (await ines("GET", "/api/v1/sessions", status=200)).data
    assert [entry["is_current"] for entry in listed].count(True) == 1
    await ines("DELETE", f"/api/v1/sessions/{other.session_id}", status=204)
    await second("GET", "/api/v1/session", status=401)
    await ines("GET", "/api/v1/session", status=200)


async def test_an_administrator_signs_a_user_out_everywhere(site):
    await site.browsers["ines"]("GET", "/api/v1/session", status=200)
    await site.browsers["admin"]("DELETE", f"/api/v1/users/{site.ines.user_id}/sessions", status=204)
    await site.browsers["ines"]("GET", "/api/v1/session", status=401)


async def test_the_language_is_one_s_own(site):
    changed = await site.browsers["ines"]("PATCH", "/api/v1/session", {"language": "ru"}, status=200)
    assert changed.data["user"]["language"] == "ru"
    for wrong in ("russian", "", "r\x00", "../ru"):
        await site.browsers["ines"]("PATCH", "/api/v1/session", {"language": wrong}, status=400)


async def test_a_password_is_changed_with_the_present_one(site):
    ines, path = site.browsers["ines"], "/api/v1/session/password"
    await ines("PUT", path, {"current": "wrong", "password": "brand new horse"}, status=401)
    await ines("PUT", path, {"current": PASSWORD, "password": "short"}, status=400)
    await ines("PUT", path, {"current": PASSWORD, "password": "brand new horse"}, status=204)
    await ines("GET", "/api/v1/session", status=401)
    await sign_in(site.browsers["nobody"], password="brand new horse", status=200)


# ------------------------------------------------------------------ tokens


async def bearer(site, rights):
    made = await site.browsers["admin"]("POST", "/api/v1/tokens", {"name": "t", "rights": rights}, status=201)
    return made.data, {"Authorization": f"Bearer {made.data['token']}"}


async def test_a_token_reads_what_it_was_made_for_and_nothing_else(site):
    made, headers = await bearer(site, ["queues:read"])
    nobody = site.browsers["nobody"]
    await nobody("GET", "/api/v1/queues", headers=headers, status=200)
    refused = await nobody("GET", "/api/v1/users", headers=headers, status=403)
    assert refused.data["error"] == {"code": "forbidden", "fields": {"right": "users:read"}}
    await nobody("POST", "/api/v1/queues", {"name": "X"}, headers=headers, status=403)
    listed = (await site.browsers["admin"]("GET", "/api/v1/tokens", status=200)).data
    assert [(entry["id"], entry["rights"]) for entry in listed] == [(made["id"], ["queues:read"])]
    assert made["token"] not in str(listed)


async def test_a_revoked_token_is_over_with_the_next_request(site):
    made, headers = await bearer(site, ["queues:read"])
    await site.browsers["nobody"]("GET", "/api/v1/queues", headers=headers, status=200)
    await site.browsers["admin"]("DELETE", f"/api/v1/tokens/{made['id']}", status=204)
    over = await site.browsers["nobody"]("GET", "/api/v1/queues", headers=headers, status=401)
    assert over.data["error"]["code"] == "token-invalid"


async def test_a_token_needs_no_origin(site):
    _, headers = await bearer(site, ["queues:write", "queues:read"])
    foreign = headers | {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    await site.browsers["nobody"]("POST", "/api/v1/queues", {"name": "X"}, headers=foreign, status=201)


async def test_a_token_that_does_not_hold_is_not_replaced_by_the_cookie(site):
    await site.browsers["admin"]("GET", "/api/v1/queues", headers={"Authorization": "Bearer nonsense"}, status=401)


@pytest.mark.parametrize("rights", [[], ["everything"], ["desk:use"] * 50, "desk:use", [None]])
async def test_a_token_for_nothing_or_for_what_does_not_exist_is_refused(site, rights):
    await site.browsers["admin"]("POST", "/api/v1/tokens", {"name": "t", "rights": rights}, status=400)


# ------------------------------------------------------------------ forged and foreign


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x y"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Authorization": "bearer cct_forged"},
        {"Authorization": "Bearer \u00e9"},
        {"Cookie": "cc_session=forged"},
        {"Cookie": "cc_session=" + "x" * 5000},
        {"Cookie": "cc_session=%00"},
        {"Cookie": "cc_session=' OR 1=1 --"},
        {"X-Remote-User": "admin"},
        {"X-Forwarded-User": "admin"},
        {"X-User-Id": "1", "X-Role": "administrator"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
    ],
)
async def test_forged_headers_make_nobody_anybody(site, headers):
    await site.browsers["nobody"]("GET", "/api/v1/users", headers=headers, status=401)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "nonsense"},
        {"Sec-Fetch-Site": None},
        {"Sec-Fetch-Site": None, "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": None, "Origin": "null"},
        {"Sec-Fetch-Site": None, "Origin": "http://"},
        {"Sec-Fetch-Site": None, "Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": None, "Referer": "http://127.0.0.1/"},
    ],
)
async def test_a_page_of_others_cannot_write_with_our_cookie(site, headers):
    for method, path, body in (
        ("POST", "/api/v1/queues", {"name": "X"}),
        ("PATCH", f"/api/v1/agents/{site.ines.agent_id}", {"name": "X"}),
        ("PUT", "/api/v1/dialed-numbers/1000", {"flow": "x"}),
        ("DELETE", "/api/v1/session", None),
    ):
        response = await site.browsers["admin"](method, path, body, headers=headers, status=403)
        assert response.data["error"]["code"] == "foreign-origin"
    assert await site.database.read(site.queues.load_all) == []


async def test_our_own_pages_write_with_fetch_metadata_or_origin(site):
    admin = site.browsers["admin"]
    origin = str(site.client.make_url("/").origin())
    await admin("POST", "/api/v1/queues", {"name": "A"}, status=201)
    await admin("POST", "/api/v1/queues", {"name": "B"}, headers={"Sec-Fetch-Site": None, "Origin": origin}, status=201)


async def test_a_page_of_others_cannot_sign_us_in(site):
    headers = {"Sec-Fetch-Site": "cross-site"}
    await sign_in(site.browsers["nobody"], headers=headers, status=403)


async def test_a_program_without_cookie_signs_in_without_origin(site):
    await sign_in(site.browsers["nobody"], headers={"Sec-Fetch-Site": None}, status=200)


async def test_a_socket_opens_for_our_own_pages_only(site):
    cookie = {"Cookie": f"cc_session={site.browsers['ines'].cookie}"}
    own = str(site.client.make_url("/").origin())
    async with site.client.ws_connect("/ws", headers=cookie | {"Origin": own}) as socket:
        assert (await socket.receive_str()) == "ines"
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    ):
        response = await site.client.get("/ws", headers=cookie | headers)
        assert response.status == 403
    response = await site.client.get("/ws", headers={"Origin": own})
    assert response.status == 401


async def test_an_address_behind_a_proxy_counts_only_from_a_trusted_one(rooms):
    await rooms.user("ines")
    forged = {"X-Forwarded-For": "9.9.9.9, 8.8.8.8"}
    for trusted, seen in ((frozenset(), "127.0.0.1"), (frozenset({"127.0.0.1"}), "8.8.8.8")):
        async with TestClient(TestServer(rooms.app(WebSettings(trusted_proxies=trusted)))) as client:
            response = await sign_in(Browser(client), headers=forged, status=200)
            token = SimpleCookie(response.headers["Set-Cookie"])["cc_session"].value
            listed = (await Browser(client, token)("GET", "/api/v1/sessions", status=200)).data
            assert listed[0]["address"] == seen
        rooms.clock.advance(1)


@pytest.mark.parametrize(
    "trusted, headers, status",
    [
        ({"127.0.0.0/8"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example"}, 200),
        ({"127.0.0.0/8"}, {"X-Forwarded-Proto": "http, https", "X-Forwarded-Host": "evil, desk.example"}, 200),
        ({"127.0.0.0/8"}, {"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "desk.example"}, 403),
        ({"127.0.0.0/8"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example, evil"}, 403),
        ({"127.0.0.0/8"}, {"X-Forwarded-Proto": "https"}, 403),
        ({"10.0.0.0/8"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example"}, 403),
        (set(), {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "desk.example"}, 403),
    ],
)
async def test_our_address_behind_a_proxy_counts_only_from_a_trusted_one(rooms, trusted, headers, status):
    await rooms.user("ines")
    settings = WebSettings(trusted_proxies=frozenset(trusted))
    async with TestClient(TestServer(rooms.app(settings))) as client:
        sent = {"Origin": "https://desk.example", "Sec-Fetch-Site": None, **headers}
        await sign_in(Browser(client), headers=sent, status=status)
