"""Requests and frames nobody would send, made from our own OpenAPI document, for a server that runs.

Every operation gets values its schema allows and values it does not, ids that exist and ids that cannot, bodies that
are no JSON, credentials of everybody and nobody. An answer must come soon, be no 5xx, and be what the document says.
What is sent follows from the seed, and from the ids the server gave out; a finding therefore shows the request itself.
"""

import asyncio
import base64
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from websockets.exceptions import WebSocketException

from tests.rig.desktop import Desktop
from tests.rig.fuzzing import MOST_FAULTS, TARGETS, make
from tests.rig.server import Server

ANSWER_TIME = 10.0  # seconds
LEFT_OUT = frozenset(  # they would lock the fuzzer itself out
    {"DELETE /api/v1/session", "PUT /api/v1/session/password", "POST /api/v1/session"}
    | {"DELETE /api/v1/sessions/{session_id}", "DELETE /api/v1/users/{user_id}/sessions"}
)
TEXTS = (
    *("", " ", "x", "x" * 300, "x" * 20_000, "\0", "\r\nX: y", "\u202eabc", "😀" * 50, "é", "\ud800", "%00", "null"),
    *("../../etc/passwd", "'; DROP TABLE people; --", "<img src=x onerror=alert(1)>", "=1+1", "2026-02-30T25:61:00Z"),
    *("2026-01-05T09:00:00Z", "+4930901820", "anna@example.org", "en", "ready", "support", "2000", "1" * 50),
)
NUMBERS = (0, 1, -1, 7, 60, 3600, 10**6, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308)
ODD = (None, True, [], {}, [[[]]], {"a": {"b": 1}}, *NUMBERS, *TEXTS)


class Fuzzer:
    """One run against one server. ``faults`` says what broke; ``statuses`` counts the answers."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.dice = random.Random(f"{seed}/http")
        self.document: dict[str, Any] = {}
        self.operations: list[tuple[str, str, dict[str, Any]]] = []
        self.ids: list[str] = ["nobody", "0", "x" * 40]
        self.own: set[str] = set()
        self.faults: list[str] = []
        self.statuses: Counter[int] = Counter()

    async def begin(self) -> None:
        self.document = await self.server.api("GET", "/openapi.json")
        self.own = {one["id"] for one in (await self.server.api("GET", "/users?limit=200"))["items"]}
        for path, item in sorted(self.document["paths"].items()):
            for method, operation in sorted(item.items()):
                if f"{method.upper()} {path}" not in LEFT_OUT:
                    self.operations.append((method.upper(), path, operation))

    def fault(self, text: str) -> None:
        self.faults.append(text[:2000])

    # ------------------------------------------------------------ HTTP

    async def requests(self, count: int) -> None:
        for _ in range(count):
            await self._request(*self.dice.choice(self.operations))
            if len(self.faults) >= MOST_FAULTS:
                return

    async def _request(self, method: str, path: str, operation: dict[str, Any]) -> None:
        asked = re.sub(r"{\w+}", lambda _: quote(self._path_value(), safe=""), path)
        query = [
            (one["name"], self._cursor() if one["name"] == "cursor" else self._plain(self.value(one["schema"])))
            for one in operation.get("parameters", ())
            if one["in"] == "query" and self.dice.random() < 0.4
        ]
        body, kind = self._body(operation)
        headers = {"Content-Type": kind} if kind else {}
        if self.dice.random() < 0.03:
            headers["Origin"] = self.dice.choice(("null", "https://evil.example", "x"))
        if self.dice.random() < 0.03:
            headers["Authorization"] = self.dice.choice(("Bearer x", "Bearer " + "x" * 3000, "Basic eDp4", "Bearer é"))
        browser = await self.server.login(self.dice.choice(("admin", "admin", "admin", "sofia", "desk1")))
        told = f"{method} {asked} {query} {headers} {body[:600]!r}"
        try:
            async with browser.request(method, f"{asked}", params=query, data=body or None, headers=headers) as answer:
                text = await answer.text()
                self.statuses[answer.status] += 1
                self._check(told, operation, answer, text)
        except TimeoutError:
            self.fault(f"no answer within {ANSWER_TIME} s: {told}")
        except aiohttp.ClientConnectionError as error:
            self.fault(f"{error!r}: {told}")
        except (ValueError, UnicodeError):  # this client refuses to send it
            self.statuses[0] += 1

    def _check(self, told: str, operation: dict[str, Any], answer: aiohttp.ClientResponse, text: str) -> None:
        if answer.status >= 500:
            self.fault(f"{answer.status} {text[:300]}: {told}")
            return
        described = operation["responses"].get(str(answer.status), operation["responses"]["default"])
        if answer.content_type not in described.get(
            "content", {"application/json": None, "application/octet-stream": 0}
        ):
            self.fault(f"{answer.status} is {answer.content_type}: {told}")
            return
        if answer.content_type != "application/json" and "content" in described:
            return
        if "content" not in described:
            if text:
                self.fault(f"{answer.status} with a body: {told}")
            return
        try:
            found = json.loads(text)
        except ValueError:
            self.fault(f"{answer.status} {text[:200]!r} is no JSON: {told}")
            return
        wrong = next(self.differences(described["content"]["application/json"]["schema"], found, "answer"), "")
        if wrong:
            self.fault(f"{answer.status}: {wrong}: {told}")
        self._harvest(found)

    def _harvest(self, found: Any) -> None:
        """Keep ids that exist, but none of the fuzzer's own users."""
        if isinstance(found, dict):
            if isinstance(one := found.get("id"), str) and one not in self.own and self.dice.random() < 0.3:
                self.ids = [*self.ids[-200:], one]
            for value in found.values():
                self._harvest(value)
        elif isinstance(found, list):
            for value in found[:20]:
                self._harvest(value)

    def _path_value(self) -> str:
        if self.dice.random() < 0.7:
            return self.dice.choice(self.ids)
        return self.dice.choice(TEXTS).encode("utf-8", "replace").decode()[:80] or "x"

    def _cursor(self) -> str:
        """A place in a list, as if we had given it out."""
        key = [self.dice.choice((*ODD, *self.ids[-3:])) for _ in range(self.dice.randint(0, 3))]
        text = json.dumps(key, ensure_ascii=False).encode("utf-8", "replace")
        return base64.urlsafe_b64encode(text[:600]).decode().rstrip("=")

    def _body(self, operation: dict[str, Any]) -> tuple[bytes, str]:
        if "requestBody" not in operation:
            return (b"{}", "application/json") if self.dice.random() < 0.05 else (b"", "")
        value = self.value(operation["requestBody"]["content"]["application/json"]["schema"])
        data = json.dumps(value, ensure_ascii=self.dice.random() < 0.8).encode("utf-8", "surrogatepass")
        if self.dice.random() < 0.1:
            at = self.dice.randrange(len(data) + 1)
            data = data[:at] + self.dice.choice((b"\0", b"\xff", b"{", b"[" * 2000, b"1e999")) + data[at + 1 :]
        kinds = ("text/plain", "application/json; charset=utf-16", "multipart/form-data; boundary=x", "x")
        return data, self.dice.choice(kinds) if self.dice.random() < 0.03 else "application/json"

    def _plain(self, value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return text.encode("utf-8", "replace").decode()[:2000]

    # ------------------------------------------------------------ values of a schema, and of none

    def value(self, schema: Mapping[str, Any], depth: int = 0) -> Any:
        """Return a value the schema allows, or now and then one it does not."""
        schema, dice = self.resolved(schema), self.dice
        if dice.random() < 0.06 or depth > 6:
            return dice.choice(ODD)
        if "anyOf" in schema:
            return self.value(dice.choice(schema["anyOf"]), depth)
        if "enum" in schema:
            return dice.choice(schema["enum"])
        if "const" in schema:
            return schema["const"]
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                items = schema.get("items", {})
                return [self.value(items, depth + 1) for _ in range(dice.choice((0, 1, 1, 2, 5)))]
            case "string":
                return self._text(schema)
            case "integer" | "number":
                low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
                return dice.choice((low, high, dice.randint(int(low), int(high)), dice.choice(NUMBERS)))
            case "boolean":
                return dice.random() < 0.5
            case "null":
                return None
        return dice.choice(ODD)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        needed, made = schema.get("required", ()), {}
        for name, part in schema.get("properties", {}).items():
            if name in needed or self.dice.random() < 0.6:
                made[name] = self.value(part, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, Mapping):
            made |= {self._text({}): self.value(more, depth + 1) for _ in range(self.dice.randrange(3))}
        if made and self.dice.random() < 0.03:
            made.pop(self.dice.choice(list(made)))
        if self.dice.random() < 0.03:
            made[self.dice.choice(("id", "site_id", "__proto__", ""))] = self.dice.choice(ODD)
        return made

    def _text(self, schema: Mapping[str, Any]) -> str:
        chance = self.dice.random()
        if chance < 0.3:
            return self.dice.choice(self.ids)
        if chance < 0.6 or not schema.get("minLength", 1):
            return f"t{self.dice.randrange(10_000)}"
        return self.dice.choice(TEXTS)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def differences(self, schema: Mapping[str, Any], found: Any, where: str) -> Iterator[str]:
        """Yield where an answer is not what the document says: types, names, choices."""
        schema = self.resolved(schema)
        if "anyOf" in schema:
            if all(any(self.differences(one, found, where)) for one in schema["anyOf"]):
                yield f"{where} is {found!r:.80}"
            return
        if found not in schema.get("enum", (found,)) or not _is_of(schema.get("type"), found):
            yield f"{where} is {found!r:.80}, not {schema.get('enum', schema.get('type'))}"
        elif isinstance(found, dict):
            known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
            yield from (f"{where} lacks {name}" for name in schema.get("required", ()) if name not in found)
            for name, value in found.items():
                part = known.get(name, more)
                if part is False:
                    yield f"{where} has {name}"
                elif isinstance(part, Mapping):
                    yield from self.differences(part, value, f"{where}.{name}")
        elif isinstance(found, list):
            for value in found[:10]:
                yield from self.differences(schema.get("items", {}), value, f"{where}[]")

    # ------------------------------------------------------------ bytes and frames

    async def raw(self, count: int, address: tuple[str, int], samples: tuple[bytes, ...]) -> None:
        """Throw bytes at a port: it answers or closes, soon."""
        for _ in range(count):
            data = bytearray(self.dice.choice(samples))
            for _ in range(self.dice.choice((0, 1, 3, 20))):
                at = self.dice.randrange(len(data) + 1)
                data[at : at + self.dice.choice((0, 1, 10))] = self.dice.choice(
                    (b"\0", b"\xff", b"\r\n", b"A" * 9000, b":")
                )
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(bytes(data))
                writer.write_eof()
                while await asyncio.wait_for(reader.read(65_536), ANSWER_TIME):
                    pass
            except ConnectionError:
                pass
            except TimeoutError:
                self.fault(f"{address[1]} keeps the connection open after {bytes(data[:300])!r}")
            finally:
                writer.transport.abort()

    async def frames(self, count: int) -> None:
        """Mutated frames on a page's socket: each is answered, or the page told to go; the next page is served."""
        page: Desktop | None = None
        for _ in range(count):
            if page is None:
                page = await self.server.desktop("desk1")
            data: str | bytes = make(TARGETS["frames"], self.dice)
            if self.dice.random() < 0.8:
                data = data.decode("utf-8", "replace")
            page = await self._frame(page, data)
        if page is not None:
            await page.close()

    async def _frame(self, page: Desktop, data: str | bytes) -> Desktop | None:
        seen = len(page.history)
        try:
            await page.send(data)
            await page.send({"type": "ping", "sent": 1})
            await page.until(lambda one: any(frame["type"] == "pong" for _, frame in one.history[seen:]), ANSWER_TIME)
        except (EOFError, WebSocketException):
            await page.closed()  # what we send may fail before we have read the word that came first
            if not page.goodbye and page.close_code not in _CLOSED:
                self.fault(f"closed with {page.close_code} and no word after {data[:300]!r}")
            return None
        except TimeoutError:
            self.fault(f"no answer to {data[:300]!r}")
            return None
        for _, frame in page.history[seen:]:
            if frame["type"] == "reply" and not frame["ok"] and frame["error"]["code"] == "internal":
                self.fault(f"internal error after {data[:600]!r}")
        page.history.clear()
        return page


_CLOSED = (1002, 1006, 1007, 1008, 1009)
"""Ends without a word: bytes that are no frame or too many; 1006 is a line cut because it did not read in time."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def _is_of(kind: str | None, found: Any) -> bool:
    return kind is None or (isinstance(found, _TYPES[kind]) and (kind == "boolean" or not isinstance(found, bool)))


HTTP_SAMPLES = (
    b"GET /api/v1/people?limit=1 HTTP/1.1\r\nHost: localhost\r\nCookie: cc_session=x\r\n\r\n",
    b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /api/v1/people HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
)
AGI_SAMPLES = (
    b"agi_network: yes\nagi_network_script: ivr\nagi_channel: PJSIP/x-1\nagi_uniqueid: 1780000000.1\n\n200 result=0\n",
    b"agi_network: yes\nagi_network_script: next\nagi_uniqueid: 1780000000.2\n\nHANGUP\n200 result=1 (x)\n",
)
