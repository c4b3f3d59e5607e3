import asyncio
import json
import zlib

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from contactcenter.core.permissions import Right
from contactcenter.core.web.access import WebSettings
from contactcenter.core.web.app import build_app, server_logger
from contactcenter.core.web.routes import Routes, undeclared

JSON = {"Content-Type": "application/json"}


async def post(site, data, headers=JSON, path="/api/v1/people"):
    return await site.browsers["ines"]("POST", path, headers=headers, data=data)


def error(response):
    return response.status, response.data["error"]["code"]


@pytest.mark.parametrize(
    "data, headers, expected",
    [
        (b'{"name": "\xff"}', JSON, (400, "not-utf8")),
        (b"\xff\xfe", JSON, (400, "not-utf8")),
        (b'{"name": "caf\xe9"}', JSON | {"Content-Type": "application/json; charset=latin-1"}, (400, "not-utf8")),
        (b"{", JSON, (400, "not-json")),
        (b"", JSON, (400, "not-json")),
        (b"name=x", {"Content-Type": "application/x-www-form-urlencoded"}, (400, "not-json")),
        (b'{"name": "x"}', {"Content-Type": "text/plain"}, (400, "not-json")),
        (b"[" * 100_000, JSON, (400, "not-json")),
        (b'{"name": "\\ud800"}', JSON, (400, "not-json")),
        (b"[]", JSON, (400, "invalid")),
        (b"null", JSON, (400, "invalid")),
        (b'{"name": NaN}', JSON, (400, "invalid")),
        (b'{"name": "' + b"x" * 1_000_000 + b'"}', JSON, (413, "too-large")),
    ],
)
async def test_bodies_that_are_no_request_are_coded_errors(site, data, headers, expected):
    assert error(await post(site, data, headers)) == expected


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\x1bb", "\x7f", "\x85", "", "   ", "x" * 201, 7, None, ["x"]])
async def test_names_are_bounded_texts_without_control_characters(site, name):
    response = await post(site, json.dumps({"name": name}))
    assert error(response) == (400, "invalid")
    assert list(response.data["error"]["fields"]) == ["name"]


async def test_errors_never_repeat_what_was_sent(site):
    response = await post(site, json.dumps({"name": "<script>alert(1)</script>", "<b>x</b>": 1, "note": 5}))
    assert "alert" not in str(response.data)
    assert response.headers["Content-Type"].startswith("application/json")


async def test_a_zip_bomb_counts_by_what_it_becomes(site):
    bomb = zlib.compress(b'{"name": "' + b"x" * 5_000_000 + b'"}')
    assert len(bomb) < 10_000
    response = await post(site, bomb, JSON | {"Content-Encoding": "deflate"})
    assert error(response) == (413, "too-large")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=-1",
        "limit=x",
        "limit=1e3",
        "cursor=%25%25",
        "cursor=WzFd",
        "q=a%00b",
        "sort=name",
        "order=name;DROP TABLE people",
        "q=" + "x" * 201,
        "limit=1&state=open",
    ],
)
async def test_queries_are_checked_like_bodies(site, query):
    assert error(await site.browsers["ines"]("GET", f"/api/v1/people?{query}")) == (400, "invalid")


@pytest.mark.parametrize("order", ["id", "due desc", "due;--", "(SELECT 1)", ""])
async def test_the_order_is_one_of_the_list(site, order):
    response = await site.browsers["ines"]("GET", "/api/v1/tickets", params={"order": order})
    assert response.data["error"]["fields"] == {"order": "literal-error"}


@pytest.mark.parametrize(
    "bad", ["%00", "..%2f..%2fetc", "%20", "x" * 65, "a%0ab", "'%20OR%201=1", "%ff", "%F0%9F%98%80"]
)
async def test_an_id_that_can_be_none_is_not_found(site, bad):
    for path in ("people", "tickets", "agents", "queues", "users"):
        assert (await site.browsers["admin"]("GET", f"/api/v1/{path}/{bad}")).status == 404


# ------------------------------------------------------------------ errors


async def test_what_nobody_expected_is_500_with_a_reference_and_no_more(site, caplog):
    response = await site.browsers["ines"]("GET", "/api/v1/broken", status=500)
    assert response.data["error"]["code"] == "internal"
    assert response.data["error"]["fields"] == {"reference": response.headers["X-Request-Id"]}
    assert "machine room" not in str(response.data)


async def test_a_page_gets_an_error_page_and_an_api_a_coded_body(site):
    nobody = site.browsers["nobody"]
    for path, status in (("/page", 401), ("/broken-page", 500)):
        response = await nobody("GET", path, status=status)
        assert response.content_type == "text/html"
        assert "machine room" not in response.data
        assert "Traceback" not in response.data
    lost = await nobody("GET", "/lost", headers={"Accept": "text/html"}, status=404)
    assert lost.content_type == "text/html"
    assert error(await nobody("GET", "/api/v1/lost", headers={"Accept": "text/html"})) == (404, "not-found")
    assert error(await nobody("GET", "/lost")) == (404, "not-found")


async def test_the_error_page_is_the_application_s_own_if_it_has_one(rooms):
    def page(request, status, code, reference):
        return web.HTTPFound("/login") if status == 401 else web.Response(status=status, text=f"ours {code}")

    routes = Routes()

    @routes.page("/page", right=Right.SIGNED_IN)
    async def show_page(call):
        raise AssertionError

    app = build_app(routes, rooms.services, rooms.principals, rooms.ids, error_page=page)
    async with TestClient(TestServer(app)) as client:
        response = await client.get("/page", allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (302, "/login")
        response = await client.get("/lost", headers={"Accept": "text/html"})
        assert (response.status, await response.text()) == (404, "ours not-found")


async def test_a_wrong_method_says_which_are_right(site):
    response = await site.browsers["ines"]("DELETE", "/api/v1/people", status=405)
    assert response.data["error"]["code"] == "method-not-allowed"
    assert response.headers["Allow"] == "GET,POST"


# ------------------------------------------------------------------ headers


async def test_every_answer_has_the_headers_that_keep_browsers_strict(site, tmp_path):
    for path in ("/api/v1/session", "/api/v1/lost", "/broken-page", "/api/v1/broken"):
        headers = (await site.browsers["ines"]("GET", path)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
        assert policy["img-src"] == "'self' data:"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "contactcenter"
        assert len(headers["X-Request-Id"]) == 26


async def test_pages_may_connect_to_the_pbx_named_in_the_settings(rooms):
    settings = WebSettings(connect_sources=("ws://127.0.0.1:8088",))
    async with TestClient(TestServer(rooms.app(settings))) as client:
        response = await client.get("/api/v1/session")
        assert "connect-src 'self' ws://127.0.0.1:8088;" in response.headers["Content-Security-Policy"]


async def test_a_client_s_request_id_is_not_taken_over(site):
    response = await site.browsers["ines"]("GET", "/api/v1/session", headers={"X-Request-Id": "forged"})
    assert response.headers["X-Request-Id"] != "forged"


# ------------------------------------------------------------------ files


@pytest.fixture
async def files(rooms, tmp_path):
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "app.js").write_text("let x;")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    routes = Routes()
    routes.static("/static", folder, right=Right.PUBLIC)
    app = rooms.app(extra=routes)
    assert undeclared(app) == []
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_files_are_served_with_the_same_headers(files):
    response = await files.get("/static/app.js")
    assert (response.status, await response.text()) == (200, "let x;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"
    named = await files.get("/static/app.js?v=1")
    assert "immutable" in named.headers["Cache-Control"], "a page must have its icons when the server is away"
    assert (await files.get("/static/gone.js?v=1")).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "....//secret.txt",
        "link.txt",
        "",
        "app.js/../../secret.txt",
        "%00",
    ],
)
async def test_nothing_outside_the_folder_is_served(files, path):
    response = await files.get(URL(f"/static/{path}", encoded=True))
    assert response.status in {403, 404}
    assert "secret" not in await response.text()


async def test_files_that_need_a_right_are_not_served_as_they_are(rooms, tmp_path):
    routes = Routes()
    routes.static("/private", tmp_path, right=Right.DESK)
    with pytest.raises(ValueError, match="public"):
        rooms.app(extra=routes)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_leaves_no_trace_in_the_log(caplog, sent):
    """Anybody may send it, as often as he likes."""
    runner = web.AppRunner(web.Application(), access_log=None, logger=server_logger())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(sent)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.0 400 ")
    writer.close()
    await runner.cleanup()
    assert caplog.records == []


async def test_a_fault_of_ours_is_logged_with_its_trace(caplog):
    server_logger().error("ours", exc_info=RuntimeError("ours"))
    assert [record.message for record in caplog.records] == ["ours"]
