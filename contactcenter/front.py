"""Pages, REST and sockets of one process: the same whether the router is here or in another one."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from agent_ui.hub import Hub
from agent_ui.pages import DIST, Desk, error_page, page_routes
from agent_ui.phone_line import PhoneLines, phone_routes
from agent_ui.socket import SocketServer
from contactcenter.agents.api import Phones, PhoneSettings
from contactcenter.agents.api import routes as agent_routes
from contactcenter.core.errors import Unavailable
from contactcenter.core.events import Event
from contactcenter.core.ids import ServerId
from contactcenter.core.texts import Texts, text_routes
from contactcenter.core.web.access import Services, WebSettings
from contactcenter.core.web.app import build_app, server_logger
from contactcenter.core.web.routes import Routes
from contactcenter.core.web.tls import Certificate, CertificateFiles
from contactcenter.customers.api import routes as customer_routes
from contactcenter.dry_runs.api import routes as dry_run_routes
from contactcenter.foundation import Foundation
from contactcenter.interactions.api import routes as interaction_routes
from contactcenter.interactions.audit import Audits
from contactcenter.interactions.callbacks_api import routes as callback_routes
from contactcenter.interactions.service import InteractionService
from contactcenter.operation import Operation, operation_routes
from contactcenter.phone_addresses import connect_sources, phones_of, websocket_of
from contactcenter.queues.api import routes as queue_routes
from contactcenter.rooms import Rooms
from contactcenter.tickets.api import routes as ticket_routes
from contactcenter.users.api import routes as user_routes
from contactcenter.users.model import SessionEnded, TokenChanged

HERE = Path(__file__).resolve().parent
LOCALES: Final = HERE / "locales"
MAX_LINE: Final = 32_768
"""Bytes of a request's first line. What is longer the parser refuses by itself, and not in our words."""


class Front:
    """Serves the rooms over HTTP. ``own_port`` tells the WebSocket's of an Asterisk that is ours, None of another."""

    def __init__(
        self,
        base: Foundation,
        rooms: Rooms,
        hub: Hub,
        interactions: InteractionService,
        operation: Operation,
        audits: Audits,
        own_port: Callable[[], int | None],
    ) -> None:
        self.certificate: Certificate | None = None
        self.phone_lines = PhoneLines(lambda one: websocket_of(base.settings, one, own_port()), base.tasks)
        self._base = base
        self._rooms = rooms
        self._hub = hub
        self._interactions = interactions
        self._operation = operation
        self._audits = audits
        self._own_port = own_port
        self._phones: dict[ServerId, PhoneSettings] = {}
        self._sources: list[str] = []
        self._runner: web.AppRunner | None = None

    def prove(self) -> None:
        """Prove the certificate before anything is promised; renewed files are taken while it is served."""
        http = self._base.settings.http
        if http.tls_certificate is None or http.tls_key is None:
            return
        self.certificate = Certificate(CertificateFiles(http.tls_certificate, http.tls_key), self._base.clock)
        self._operation.sources.append(self.certificate.degraded)
        self._base.tasks.keep("certificate", self.certificate.keep)

    def find_phones(self) -> None:
        """Take where browsers' phones connect as it is now; pages loaded from then on are told so."""
        phones = phones_of(self._base.settings, self._own_port())
        self._phones.update(phones.servers)
        self._sources[:] = connect_sources(phones)

    async def start(self) -> None:
        """Serve. Raises Unavailable ``front-end-missing``, ``http-port-unavailable``."""
        if not await asyncio.to_thread((DIST / "manifest.json").exists):
            raise Unavailable("front-end-missing", {"folder": str(DIST)})
        http, base = self._base.settings.http, self._base
        self.find_phones()
        texts = Texts.load(LOCALES)
        web_settings = WebSettings(
            origins=http.origins,
            connect_sources=self._sources,
            trusted_proxies=frozenset(http.trusted_proxies),
            secure_cookies=http.secure_cookies or self.certificate is not None,
        )
        services = self._services(texts)
        app = build_app(_routes(texts), services, self._rooms.principals, base.ids, web_settings, error_page(texts))
        self._runner = web.AppRunner(
            app, access_log=None, logger=server_logger(), shutdown_timeout=2.0, max_line_size=MAX_LINE
        )
        await self._runner.setup()
        context = self.certificate.context if self.certificate else None
        try:
            site = web.TCPSite(self._runner, http.host, http.port, reuse_address=True, ssl_context=context)
            await site.start()
        except OSError as error:
            raise Unavailable("http-port-unavailable", {"port": http.port, "reason": str(error)}) from error
        base.tasks.keep("hub-live", self._hub.keep_live)
        base.tasks.keep("hub-waiting", self._hub.keep_waiting)

    def _services(self, texts: Texts) -> Services:
        services, rooms, base = Services(), self._rooms, self._base
        desk = Desk(rooms.agents, rooms.users, base.settings.site_id)
        sockets = SocketServer(self._hub, services, desk.settings, base.clock, base.tasks)
        for service in (
            rooms.agents, rooms.profiles, rooms.queues, rooms.customers, rooms.users, rooms.tickets, rooms.dry_runs,
            self._operation, self._audits, Phones(self._phones), self.phone_lines, sockets, self._hub, texts,
        ):  # fmt: skip
            services.add(service)
        services.add(self._interactions, InteractionService)
        return services

    @property
    def port(self) -> int:
        """The HTTP port listened on."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    def on_event(self, event: Event) -> None:
        """End what was opened with a session or token that is over."""
        if isinstance(event, SessionEnded):
            self._end(event.session_id)
        elif isinstance(event, TokenChanged) and event.change == "revoked":
            self._end(event.token_id)

    def _end(self, credential: str) -> None:
        self._hub.close_credential(credential)
        self.phone_lines.close_credential(credential)

    async def stop(self) -> None:
        """End every page, line and request."""
        if self._runner is None:
            return
        for page in list(self._hub.pages):
            page.close("restart")
        await self.phone_lines.close()  # or the clean-up would wait for them until its patience ends
        await self._runner.cleanup()


def _routes(texts: Texts) -> Routes:
    routes = Routes()
    for part in (
        user_routes, agent_routes, queue_routes, customer_routes, ticket_routes, interaction_routes, dry_run_routes,
        callback_routes, operation_routes, page_routes, phone_routes, text_routes(texts),
    ):  # fmt: skip
        routes.include(part)
    return routes
