"""A server that speaks the desktop's protocol with canned slots: the pages under test need no PBX and no database.

It serves the real templates, bundles and texts under the real content security policy. A test pushes slots, cuts the
link, skips numbers or stays silent; commands are noted and acted on just enough for the page to go on.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contactcenter.core.texts import Texts
from tests.fakes.desk_slots import callbacks as made_callbacks
from tests.fakes.desk_slots import iso, now
from tests.fakes.desk_slots import transfer_queues as made_queues

ROOT = Path(__file__).parents[2]
DIST = ROOT / "agent_ui/static/dist"
LOCALES = ROOT / "contactcenter/locales"
USER = {
    "id": "u-1",
    "name": "Sofia Petrova",
    "initials": "SP",
    "login": "sofia",
    "role": "supervisor",
    "language": "en",
    "agent_id": "a-1",
    "rights": ["live:view"],
}
CSP = (
    "default-src 'self'; connect-src 'self' ws://127.0.0.1:*; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
TOO_MANY = "throttled"
TEXTS = Texts.load(LOCALES)


@dataclass(eq=False)
class DeskServer:
    """One fake server; ``slots`` by page, ``commands`` as (name, data) in the order they came."""

    port: int = 0
    epoch: str = "e1"
    seq: int = 10
    language: str = "en"
    silent: bool = False
    refuse: dict[str, dict[str, Any]] = field(default_factory=dict)
    slots: dict[str, dict[str, Any]] = field(default_factory=lambda: {"desktop": {}, "live": {}})
    commands: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hellos: list[dict[str, Any]] = field(default_factory=list)
    rest: list[tuple[str, str, Any]] = field(default_factory=list)
    tickets: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=made_callbacks)
    transfer_queues: list[dict[str, Any]] = field(default_factory=made_queues)
    withdraw_refused: str = ""
    may: list[str] = field(default_factory=lambda: ["interactions:read"])
    erase_refused: str = ""
    interactions: list[dict[str, Any]] = field(default_factory=list)
    why: dict[str, Any] = field(default_factory=dict)
    everyone: dict[str, Any] = field(default_factory=dict)
    everyone_refused: str = ""
    open_for_links: bool = True
    _sockets: dict[web.WebSocketResponse, str] = field(default_factory=dict)
    _answers: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # ------------------------------------------------------------ what a test does

    async def push(self, page: str = "desktop", **slots: Any) -> None:
        """Change slots by ``work__i1=...`` (``__`` stands for the colon) and tell the pages."""
        await self.push_slots(page, {name.replace("__", ":"): value for name, value in slots.items()})

    async def push_slots(self, page: str, slots: dict[str, Any]) -> None:
        self._keep(page, slots)
        prev, self.seq = self.seq, self.seq + 1
        await self._tell(page, {"type": "changes", "seq": self.seq, "prev": prev, "slots": slots})

    async def lose_changes(self, page: str, slots: dict[str, Any]) -> None:
        """Change slots without telling: the next push leaves a gap."""
        self._keep(page, slots)
        self.seq += 1

    async def drop(self) -> None:
        """Cut every link as a dying server does."""
        for socket in list(self._sockets):
            await socket.close(code=1011)

    async def goodbye(self, reason: str, code: int) -> None:
        for socket in list(self._sockets):
            await socket.send_json({"type": "goodbye", "reason": reason})
            await socket.close(code=code)

    def _keep(self, page: str, slots: dict[str, Any]) -> None:
        for name, value in slots.items():
            if value is None:
                self.slots[page].pop(name, None)
            else:
                self.slots[page][name] = value

    async def _tell(self, page: str, frame: dict[str, Any]) -> None:
        for socket, shown in list(self._sockets.items()):
            if shown == page and not self.silent:
                await socket.send_json(frame)

    # ------------------------------------------------------------ the socket

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if not self.open_for_links:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT and not self.silent:
                    await self._received(socket, json.loads(message.data))
        finally:
            self._sockets.pop(socket, None)
        return socket

    async def _received(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        if frame["type"] == "hello":
            self.hellos.append(frame)
            self._sockets[socket] = frame["page"]
            snapshot = {"type": "snapshot", "epoch": self.epoch, "seq": self.seq, "now": iso(now())}
            await socket.send_json({**snapshot, "slots": self.slots[frame["page"]]})
        elif frame["type"] == "ping":
            await socket.send_json({"type": "pong", "sent": frame["sent"], "now": iso(now())})
        else:
            await self._command(socket, frame)

    async def _command(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        name, data = frame["name"], frame["data"]
        self.commands.append((name, data))
        reply: dict[str, Any] = {"type": "reply", "id": frame["id"], "ok": name not in self.refuse}
        if name in self.refuse:
            reply["error"] = self.refuse[name]
        else:
            reply["data"] = await self._act(name, data)
        await socket.send_json(reply)

    async def _act(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        slots = self.slots["desktop"]
        work = slots.get(f"work:{data.get('interaction_id')}")
        if name == "set-presence":
            presence = {"state": data["state"], "reason": data.get("reason", ""), "since": iso(now())}
            await self.push(me={**slots["me"], "presence": presence, "notice": None})
        elif name == "save-note" and work:
            saved_at = iso(now())
            await self.push_slots(
                "desktop", {f"work:{data['interaction_id']}": {**work, "note": data["text"], "note_saved_at": saved_at}}
            )
            return {"saved_at": saved_at}
        elif name == "why":
            return {"why": self.why}
        elif name == "transfer-queues":
            return {"queues": self.transfer_queues}
        elif name == "create-ticket" and work:
            ticket = {
                "id": "t-9",
                "number": 10501,
                "subject": data["subject"],
                "due_at": iso(now(), 4 * 3600),
                "due_kind": "reply",
                "state": "open",
            }
            await self.push_slots(
                "desktop", {f"work:{data['interaction_id']}": {**work, "tickets": [*work["tickets"], ticket]}}
            )
            return {"ticket": ticket}
        elif name in {"reject", "finish-wrap-up"}:
            ended = data["interaction_id"]
            await self.push_slots("desktop", {f"work:{ended}": None, f"card:{ended}": None})
        return {}

    # ------------------------------------------------------------ REST and pages

    def _page(self, template: str, page: str) -> Any:
        async def handler(request: web.Request) -> web.Response:
            env = Environment(
                loader=FileSystemLoader(ROOT / "agent_ui/templates"),
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
            )
            env.globals["_"] = TEXTS[self.language].gettext
            manifest = json.loads((DIST / "manifest.json").read_text())
            body = env.get_template(template).render(
                user=None if page == "login" else USER,
                lang=self.language,
                theme="auto",
                page=page,
                status=404,
                code="not-found",
                reference="r-1",
                nav=["desk", "live", "tickets", "people"],
                may=self.may,
                assets=lambda name: f"/static/dist/{manifest[name]}",
            )
            return web.Response(text=body, content_type="text/html", headers={"Content-Security-Policy": CSP})

        return handler

    async def _i18n(self, request: web.Request) -> web.Response:
        return web.json_response(TEXTS[request.match_info["lang"]].catalogue)

    async def _sign_in(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["login"] == TOO_MANY:
            return web.json_response({"error": {"code": "rate-limited", "fields": {"retry_after": 30}}}, status=429)
        if body["password"] != "right":
            return web.json_response({"error": {"code": "bad-credentials", "fields": {}}}, status=401)
        return web.json_response({"user": USER})

    async def _session(self, request: web.Request) -> web.Response:
        return web.json_response({"user": USER})

    async def _change_session(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.rest.append(("PATCH", "/api/v1/session", body))
        self.language = body["language"]
        return web.json_response({"user": USER})

    async def _search(self, request: web.Request) -> web.Response:
        text = request.query["q"].lower()
        people = [
            one
            for one in self.people
            if text in one["name"].lower() or any(text in number["display"] for number in one["numbers"])
        ]
        tickets = [one for one in self.tickets if text in one["subject"].lower() or text in str(one["number"])]
        people = [
            {
                "id": one["id"],
                "name": one["name"],
                "organisation": (one["organisation"] or {}).get("name", ""),
                "numbers": [number["display"] for number in one["numbers"]],
            }
            for one in people
        ]
        return web.json_response({"people": people, "tickets": tickets})

    async def _list(self, request: web.Request) -> web.Response:
        kind = request.path.rsplit("/", 1)[1]
        rows = self.tickets if kind == "tickets" else self.people
        text, state = request.query.get("q", "").lower(), request.query.get("state", "")
        if request.query.get("order") == "due":
            rows = sorted((one for one in rows if one["due_at"]), key=lambda one: str(one["due_at"]))
        rows = [
            one
            for one in rows
            if text in json.dumps(one, ensure_ascii=False).lower() and (not state or one.get("state") == state)
        ]
        start, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", 25))
        following = start + limit
        return web.json_response({"items": rows[start:following], "next": following if following < len(rows) else None})

    async def _one(self, request: web.Request) -> web.Response:
        kind, wanted = request.path.split("/")[3:5]
        rows = self.tickets if kind == "tickets" else self.people
        found = next((one for one in rows if one["id"] == wanted), None)
        if found is None:
            return web.json_response({"error": {"code": "not-found", "fields": {}}}, status=404)
        if request.method == "DELETE":
            if self.erase_refused:
                return web.json_response({"error": {"code": self.erase_refused, "fields": {}}}, status=409)
            rows.remove(found)
            return web.Response(status=204)
        if request.method == "PATCH":
            body = await request.json()
            self.rest.append(("PATCH", request.path, body))
            note = body.pop("note", None)
            found.update(body)
            if note is not None and kind == "people":
                found["note"] = note
            if note and kind == "tickets":
                found["notes"].append(
                    {
                        "id": f"n-{len(found['notes'])}",
                        "at": iso(now()),
                        "author_id": USER["id"],
                        "text": note,
                        "is_reply": False,
                    }
                )
        return web.json_response(found)

    async def _callbacks(self, request: web.Request) -> web.Response:
        over, wanted = {"done", "withdrawn", "given-up"}, request.query.get("open")
        rows = [one for one in self.callbacks if wanted is None or (one["state"] in over) == (wanted == "false")]
        return web.json_response({"items": rows, "next": None})

    async def _withdraw(self, request: web.Request) -> web.Response:
        (found,) = (one for one in self.callbacks if one["id"] == request.match_info["id"])
        if self.withdraw_refused:
            return web.json_response({"error": {"code": self.withdraw_refused, "fields": {}}}, status=409)
        found |= {"state": "withdrawn", "ended_at": iso(now())}
        return web.Response(status=204)

    async def _interactions(self, request: web.Request) -> web.Response:
        return web.json_response({"items": self.interactions, "next": None})

    async def _why_agents(self, request: web.Request) -> web.Response:
        self.rest.append(("GET", request.path, None))
        if self.everyone_refused:
            return web.json_response({"error": {"code": self.everyone_refused, "fields": {}}}, status=404)
        return web.json_response(self.everyone)

    async def _policies(self, request: web.Request) -> web.Response:
        return web.json_response([{"id": "gold", "name": "Gold"}, {"id": "silver", "name": "Silver"}])

    def app(self) -> web.Application:
        app = web.Application()
        for path, template, page in (
            ("/login", "login.html", "login"),
            ("/desk", "desk.html", "desk"),
            ("/live", "live.html", "live"),
            ("/tickets", "tickets.html", "tickets"),
            ("/tickets/{id}", "ticket.html", "ticket"),
            ("/people", "people.html", "people"),
            ("/people/{id}", "person.html", "person"),
            ("/callbacks", "callbacks.html", "callbacks"),
            ("/nowhere", "error.html", "error"),
        ):
            app.router.add_get(path, self._page(template, page))
        app.router.add_get("/", self._page("desk.html", "desk"))
        app.router.add_get("/socket", self.socket)
        app.router.add_get("/i18n/{lang}.json", self._i18n)
        app.router.add_post("/api/v1/session", self._sign_in)
        app.router.add_get("/api/v1/session", self._session)
        app.router.add_patch("/api/v1/session", self._change_session)
        app.router.add_delete("/api/v1/session", self._session)
        app.router.add_get("/api/v1/search", self._search)
        for kind in ("tickets", "people"):
            app.router.add_get(f"/api/v1/{kind}", self._list)
            app.router.add_route("*", f"/api/v1/{kind}/{{id}}", self._one)
        app.router.add_get("/api/v1/callbacks", self._callbacks)
        app.router.add_post("/api/v1/callbacks/{id}/withdraw", self._withdraw)
        app.router.add_get("/api/v1/interactions", self._interactions)
        app.router.add_get("/api/v1/interactions/{id}/why/agents", self._why_agents)
        app.router.add_get("/api/v1/sla-policies", self._policies)
        app.router.add_static("/static/dist", DIST)
        return app


@contextlib.asynccontextmanager
async def running_desk_server(port: int = 0) -> AsyncIterator[DeskServer]:
    """Serve on loopback; port 0 takes any free one."""
    server = DeskServer()
    runner = web.AppRunner(server.app(), shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()
