"""The pages, the socket, and what pages ask that no room alone can answer: search.

Pages are shells: a template with the user's language and rights; all data comes over the socket and the REST API.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import jinja2
from aiohttp import web
from pydantic import StringConstraints

from agent_ui.socket import SocketServer
from contactcenter.agents.service import AgentService
from contactcenter.core.errors import Unauthenticated
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import Principal, Right
from contactcenter.core.texts import Texts
from contactcenter.core.web.access import AUTHENTICATOR, SESSION_COOKIE, Identity
from contactcenter.core.web.routes import Call, Routes
from contactcenter.core.web.schemas import Out, Query
from contactcenter.customers.numbers import formatted
from contactcenter.customers.service import CustomerService
from contactcenter.tickets.service import TicketFilter, TicketService
from contactcenter.users.service import UserService

HERE: Final = Path(__file__).resolve().parent
DIST: Final = HERE / "static" / "dist"
FOUND: Final = 6

page_routes = Routes()
page_routes.static("/static/dist", DIST, right=Right.PUBLIC)


# ------------------------------------------------------------ pages


@cache
def _environment(language: str, texts: Texts) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["_"] = texts[language].gettext
    environment.globals["assets"] = asset
    return environment


@cache
def _manifest() -> dict[str, str]:
    return dict(json.loads((DIST / "manifest.json").read_text()))


def asset(name: str) -> str:
    """Return the address of a built file; its name carries a hash of its content."""
    return f"/static/dist/{_manifest()[name]}"


_SHOWN: Final = (
    Right.INTERACTIONS_READ,
    Right.INTERACTIONS_WRITE,
    Right.CUSTOMERS_ERASE,
    Right.QUEUES_READ,
    Right.QUEUES_WRITE,
    Right.AGENTS_READ,
    Right.AGENTS_WRITE,
    Right.USERS_READ,
)
"""Rights whose acts a page shows to those only who have them."""


async def _page(call: Call[None], template: str, page: str) -> web.Response:
    user = None
    language = call.services[Texts].choose(call.request.headers.get("Accept-Language", ""))
    if call.principal.user_id:
        own = await call.services[UserService].own_user(call.principal)
        user = {"id": own.user_id, "name": own.name, "login": own.login, "initials": _initials(own.name)}
        language = own.language
    may = [right.value for right in _SHOWN if call.principal.may(right)]
    return _render(call.services[Texts], language, template, page, user=user, nav=_nav(call.principal), may=may)


def _render(texts: Texts, language: str, template: str, page: str, **values: Any) -> web.Response:
    rendered = _environment(language, texts).get_template(template)
    text = rendered.render(lang=language, theme="auto", page=page, **values)
    return web.Response(text=text, content_type="text/html")


def _nav(principal: Principal) -> list[str]:
    places = {
        "desk": principal.agent_id is not None,
        "live": principal.may(Right.LIVE_VIEW),
        "tickets": principal.may(Right.TICKETS_READ),
        "people": principal.may(Right.CUSTOMERS_READ),
        "queues": principal.may(Right.QUEUES_READ) and principal.may(Right.AGENTS_READ),
    }
    return [place for place, may in places.items() if may]


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split()[:2]).upper()


def error_page(texts: Texts) -> Callable[[web.Request, int, str, str], web.StreamResponse]:
    """Return the maker of error pages; a page asked for without a session leads to sign-in."""

    def show(request: web.Request, status: int, code: str, reference: str) -> web.StreamResponse:
        if status == web.HTTPUnauthorized.status_code:
            response = web.Response(status=303, headers={"Location": _sign_in(request.rel_url.raw_path)})
            response.del_cookie(SESSION_COOKIE, path="/")
            return response
        language = texts.choose(request.headers.get("Accept-Language", ""))
        page = _render(
            texts, language, "error.html", "error", user=None, nav=[], status=status, code=code, reference=reference
        )
        page.set_status(status)
        return page

    return show


def _sign_in(raw_path: str) -> str:
    """Return where to sign in, and from there back to a page of this site. Quoted: a path may hold any character."""
    is_ours = raw_path.startswith("/") and not raw_path.startswith(("//", "/\\"))
    return f"/login?next={quote(raw_path, safe='/')}" if is_ours else "/login"


@page_routes.page("/", right=Right.SIGNED_IN)
async def home(call: Call[None]) -> web.Response:
    """Lead to the first page the user may use."""
    return web.Response(status=303, headers={"Location": f"/{(_nav(call.principal) or ['login'])[0]}"})


@page_routes.page("/login", right=Right.PUBLIC)
async def login(call: Call[None]) -> web.Response:
    """Show the sign-in form."""
    return await _page(call, "login.html", "login")


@page_routes.page("/desk", right=Right.DESK)
async def desk(call: Call[None]) -> web.Response:
    """Show the agent's desktop."""
    return await _page(call, "desk.html", "desk")


@page_routes.page("/live", right=Right.LIVE_VIEW)
async def live(call: Call[None]) -> web.Response:
    """Show the supervisor's live page."""
    return await _page(call, "live.html", "live")


@page_routes.page("/tickets", right=Right.TICKETS_READ)
async def tickets(call: Call[None]) -> web.Response:
    """Show the list of tickets."""
    return await _page(call, "tickets.html", "tickets")


@page_routes.page("/tickets/{ticket_id}", right=Right.TICKETS_READ)
async def ticket(call: Call[None]) -> web.Response:
    """Show one ticket."""
    return await _page(call, "ticket.html", "ticket")


@page_routes.page("/callbacks", right=Right.LIVE_VIEW)
async def callbacks(call: Call[None]) -> web.Response:
    """Show who is to be called back."""
    return await _page(call, "callbacks.html", "callbacks")


@page_routes.page("/people", right=Right.CUSTOMERS_READ)
async def people(call: Call[None]) -> web.Response:
    """Show the list of people."""
    return await _page(call, "people.html", "people")


@page_routes.page("/people/{person_id}", right=Right.CUSTOMERS_READ)
async def person(call: Call[None]) -> web.Response:
    """Show one person."""
    return await _page(call, "person.html", "person")


@page_routes.page("/queues", right=Right.QUEUES_READ)
async def queues(call: Call[None]) -> web.Response:
    """Show the list of queues."""
    return await _page(call, "routing.html", "queues")


@page_routes.page("/queues/new", right=Right.QUEUES_WRITE)
async def new_queue(call: Call[None]) -> web.Response:
    """Show the form of a new queue."""
    return await _page(call, "routing.html", "queue")


@page_routes.page("/queues/{queue_id}", right=Right.QUEUES_READ)
async def queue(call: Call[None]) -> web.Response:
    """Show one queue and its rules."""
    return await _page(call, "routing.html", "queue")


@page_routes.page("/profiles", right=Right.QUEUES_READ)
async def profiles(call: Call[None]) -> web.Response:
    """Show the list of routing profiles."""
    return await _page(call, "routing.html", "profiles")


@page_routes.page("/profiles/new", right=Right.QUEUES_WRITE)
async def new_profile(call: Call[None]) -> web.Response:
    """Show the form of a new routing profile."""
    return await _page(call, "routing.html", "profile")


@page_routes.page("/profiles/{profile_id}", right=Right.QUEUES_READ)
async def profile(call: Call[None]) -> web.Response:
    """Show one routing profile."""
    return await _page(call, "routing.html", "profile")


@page_routes.page("/agents", right=Right.AGENTS_READ)
async def agents(call: Call[None]) -> web.Response:
    """Show the agents and what they get."""
    return await _page(call, "routing.html", "agents")


@page_routes.page("/agents/{agent_id}", right=Right.AGENTS_READ)
async def agent(call: Call[None]) -> web.Response:
    """Show what one agent gets."""
    return await _page(call, "routing.html", "agent")


@page_routes.page("/skills", right=Right.AGENTS_READ)
async def skills(call: Call[None]) -> web.Response:
    """Show the skills."""
    return await _page(call, "routing.html", "skills")


# ------------------------------------------------------------ socket


@page_routes.socket("/socket", right=Right.SIGNED_IN)
async def socket(call: Call[None]) -> web.WebSocketResponse:
    """Serve one page's socket."""
    cookie = call.request.cookies.get(SESSION_COOKIE, "")
    authenticator = call.request.app[AUTHENTICATOR]

    async def who_is() -> Identity:
        if cookie and "Authorization" not in call.request.headers:
            return await authenticator.by_session(cookie)
        _, _, token = call.request.headers.get("Authorization", "").partition(" ")
        if not token:
            raise Unauthenticated("session-over")
        return await authenticator.by_token(token)

    return await call.services[SocketServer].serve(call.request, who_is)


class Desk:
    """Makes the slot ``settings`` of a page."""

    def __init__(self, agents: AgentService, users: UserService, site: str) -> None:
        self._agents = agents
        self._users = users
        self._site = site

    async def settings(self, principal: Principal) -> dict[str, Any]:
        """Return what a page needs to know of its user and the site."""
        user = await self._users.own_user(principal)
        reasons = await self._agents.list_reasons(principal)
        return {
            "reasons": [{"code": one.code, "label": one.label} for one in reasons if one.is_active],
            "languages": ["en", "ru", "es"],
            "site": self._site,
            "user": {
                "id": user.user_id,
                "name": user.name,
                "initials": _initials(user.name),
                "role": user.role,
                "login": user.login,
            },
            "rights": sorted(right.value for right in principal.rights),
        }


# ------------------------------------------------------------ search


class FoundPerson(Out):
    """A person that matches."""

    id: str
    name: str
    organisation: str
    numbers: list[str]


class FoundTicket(Out):
    """A ticket that matches."""

    id: str
    number: int
    subject: str
    state: str


class SearchOut(Out):
    """The best of each kind."""

    people: list[FoundPerson]
    tickets: list[FoundTicket]


class SearchIn(Query):
    """What is looked for."""

    q: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


@page_routes.get("/api/v1/search", right=Right.SIGNED_IN, query=SearchIn, returns=SearchOut, tag="search")
async def search(call: Call[None]) -> SearchOut:
    """Look for people and tickets within reach."""
    services, principal, text, paging = call.services, call.principal, call.query.q, Paging(FOUND)
    found_people: list[FoundPerson] = []
    found_tickets: list[FoundTicket] = []
    if principal.may(Right.CUSTOMERS_READ):
        for one in (await services[CustomerService].list_people(principal, paging, text)).items:
            organisation = one.organisation.name if one.organisation else ""
            numbers = [formatted(point.value) for point in one.numbers]
            found_people.append(
                FoundPerson(id=one.person_id, name=one.name, organisation=organisation, numbers=numbers)
            )
    if principal.may(Right.TICKETS_READ):
        wanted = TicketFilter(query=text)
        for case in (await services[TicketService].list_tickets(principal, paging, wanted)).items:
            found_tickets.append(
                FoundTicket(id=case.ticket_id, number=case.number, subject=case.subject, state=case.state.value)
            )
    return SearchOut(people=found_people, tickets=found_tickets)
