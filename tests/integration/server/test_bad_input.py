"""What bad input gets: a clear coded error or a visible degraded state; nothing lost, no traceback to a user."""

import asyncio
import json

import aiohttp
import pytest

from tests.integration.server.live_calls import until_over
from tests.rig.desktop import Refused
from tests.rig.scenarios import Leaves
from tests.rig.sipp import Caller

pytestmark = pytest.mark.asyncio(loop_scope="module")

MARKS = "\u202egnp.exe\u2066 \u200f"


async def call(server, folder, dialed="2000", *, name="", leaves=None, number="+4930901820"):
    """One call to its end; the rows that came of it."""
    known = {row["id"] for row in await server.interactions()}
    async with server.customers(folder, [Caller(number, dialed, name)], leaves=leaves or Leaves(after=2.5)) as customer:
        code = await customer.wait_ended(20)
        texts = [message.text for message in customer.messages() if not message.sent]
    await until_over(server)
    return [row for row in await server.interactions() if row["id"] not in known], code, texts


async def answer_of(server, method, path, *, login=None, **options):
    """Status, coded error and text of one request."""
    async with aiohttp.ClientSession(server.url, headers={"Origin": server.url}) as anonymous:
        browser = await server.login(login) if login else anonymous
        async with browser.request(method, path, **options) as answer:
            text = await answer.text()
            assert "Traceback" not in text
            return answer.status, json.loads(text).get("error", {}).get("code"), text


# ------------------------------------------------------------------ telephones


async def test_an_unknown_number_is_refused_and_written_down(server, tmp_path):
    (row,), _, texts = await call(server, tmp_path, "4711")
    assert row["outcome"] == "no-service"
    assert any(text.startswith("SIP/2.0 4") for text in texts)


async def test_a_bad_flow_is_named_with_its_place_and_harms_no_other(server, tmp_path):
    told = next(line for line in server.log().splitlines() if "flow-invalid" in line)
    problem = json.loads(told)
    assert problem["file"].endswith("bad.yaml")
    assert problem["line"] == 3
    assert "nothing_here" in problem["reason"]
    (row,), code, _ = await call(server, tmp_path / "good")
    assert (row["outcome"], code) == ("answered", 0)
    (row,), code, _ = await call(server, tmp_path / "bad", "3000", leaves=Leaves(after=1))
    assert code == 0, "he is answered by the native queue"
    assert row["outcome"] == "left-in-flow"


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        b'"%0d%0aAction: Hangup%0d%0aChannel: /.*/" ',
        b'"${SHELL(id)}" ',
        b'"' + b"x" * 1000 + b'" ',
        f'"{MARKS}" '.encode(),
        b'"half \xd0" ',
        b'"\xff\xfe" ',
    ],
    ids=["html", "ami", "dialplan", "long", "marks", "half", "bytes"],
)
async def test_a_hostile_name_is_a_text_on_the_screen(server, tmp_path, name):
    pages = [await server.desktop(login) for login in ("desk1", "desk2")]
    known = {row["id"] for row in await server.interactions()}
    callers = [Caller("+4930901820", "2000", name)]
    async with server.customers(tmp_path, callers, leaves=Leaves(after=2)) as customer:
        shown = [asyncio.ensure_future(page.work("alerting", 10)) for page in pages]
        done, late = await asyncio.wait(shown, return_when=asyncio.FIRST_COMPLETED)
        for one in late:
            one.cancel()
        work = done.pop().result()
        await customer.wait_ended(20)
    await until_over(server)
    for page in pages:
        assert all(frame["type"] in ("snapshot", "changes", "reply") for _, frame in page.history)
        await page.close()
    (row,) = [row for row in await server.interactions() if row["id"] not in known]
    assert row["outcome"] == "answered"
    assert [leg["kind"] for leg in row["legs"]] == ["customer", "agent"]
    for text in (work["caller"]["name"], row["caller_name"]):
        assert len(text) <= 200
        assert text.isprintable() or not text or set(text) <= set(MARKS) | set(filter(str.isprintable, text))
        text.encode()
    if isinstance(name, str):
        assert work["caller"]["name"] == name, "as it came: the page escapes it"
    assert work["caller"]["raw"] == "+4930901820"


@pytest.mark.parametrize("name", [b'"a\r\nX-Header: b" ', b'"a\r\n b" ', b'"\x00" '], ids=["header", "folded", "nul"])
async def test_a_name_that_breaks_the_message_makes_no_call(server, tmp_path, name):
    """Asterisk refuses such an INVITE or does not hear it; nothing of it reaches us."""
    known = await server.interactions()
    async with server.customers(tmp_path, [Caller("+4930901820", "2000", name)], leaves=Leaves(after=1)) as customer:
        await asyncio.sleep(1.5)
        assert not [one for one in customer.messages() if one.first == "200"]
    assert await server.interactions() == known
    (row,), code, _ = await call(server, tmp_path / "next", leaves=Leaves(after=1))
    assert (row["caller_name"], code) == ("", 0)


# ------------------------------------------------------------------ sockets


async def test_a_second_login_replaces_the_first_page(server):
    first = await server.desktop("ines")
    second = await server.desktop("ines")
    assert await first.closed() == 4001
    assert first.goodbye == "replaced"
    assert second.me["agent_id"] == server.agent_ids["ines"]
    await second.close()


@pytest.mark.parametrize("frame", ["not JSON", "[1, 2", b"\xff\xfe\x00", '{"type": "nonsense"}', "\u0000", "[]", "7"])
async def test_a_frame_that_is_no_message_ends_the_page_with_a_reason(server, frame):
    page = await server.desktop("ines")
    await page.send(frame)
    assert await page.closed() == 4004
    assert page.goodbye == "protocol"


async def test_a_page_that_does_not_say_hello_first_is_sent_away(server):
    page = await server.desktop("ines", is_greeting=False)
    await page.send({"type": "ping", "sent": 1})
    assert await page.closed() == 4004


async def test_an_unknown_command_gets_its_code(server):
    page = await server.desktop("ines")
    with pytest.raises(Refused, match="unknown-command"):
        await page.command("drop-all-tables")
    with pytest.raises(Refused, match="not-found"):
        await page.command("hang-up", interaction_id="nobody's")
    await page.close()


async def test_another_agents_interaction_does_not_exist(server, tmp_path):
    (row,), _, _ = await call(server, tmp_path)
    logins = {agent_id: login for login, agent_id in server.agent_ids.items()}
    owner = logins[row["segments"][0]["agent_id"]]
    other = next(login for login in ("desk1", "desk2") if login != owner)
    path = f"/api/v1/interactions/{row['id']}"
    assert (await answer_of(server, "GET", path, login=owner))[0] == 200
    assert (await answer_of(server, "GET", path, login=other))[:2] == (404, "not-found")
    assert (await answer_of(server, "GET", f"{path}/why", login=other))[:2] == (404, "not-found")
    page = await server.desktop(other)
    for name, data in {
        "save-note": {"text": "mine now"},
        "finish-wrap-up": {"disposition": "solved", "note": "", "then": "ready"},
        "choose-person": {"person_id": "nobody"},
        "accept": {},
        "reject": {},
        "hang-up": {},
    }.items():
        with pytest.raises(Refused) as refused:
            await page.command(name, interaction_id=row["id"], **data)
        assert refused.value.code in ("not-found", "conflict"), name
    await page.close()


# ------------------------------------------------------------------ HTTP


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"login": "\xd0"}', b"{", b"[]", b'"text"', b"\x00"])
async def test_a_body_that_is_no_json_text_is_refused(server, body):
    headers = {"Content-Type": "application/json"}
    status, code, _ = await answer_of(server, "POST", "/api/v1/session", data=body, headers=headers)
    assert status in (400, 422)
    assert code


async def test_unknown_and_forbidden_addresses_have_codes(server):
    assert (await answer_of(server, "GET", "/api/v1/nothing"))[0] == 404
    assert (await answer_of(server, "GET", "/api/v1/interactions"))[:2] == (401, "sign-in-needed")
    assert (await answer_of(server, "POST", "/api/v1/queues", login="ines", json={"name": "x"}))[:2] == (
        403,
        "forbidden",
    )
    assert (await answer_of(server, "GET", "/api/v1/interactions?cursor=%ff", login="ines"))[0] in (400, 422)
