"""Builds the web application of what the rooms declared."""

from aiohttp import web

from contactcenter.core.ids import Ids
from contactcenter.core.web.access import AUTHENTICATOR, SERVICES, SETTINGS, Authenticator, Services, WebSettings
from contactcenter.core.web.middlewares import ErrorPage, surround
from contactcenter.core.web.openapi import describe
from contactcenter.core.web.routes import Routes, mount


def build_app(
    routes: Routes,
    services: Services,
    authenticator: Authenticator,
    ids: Ids,
    settings: WebSettings | None = None,
    error_page: ErrorPage | None = None,
) -> web.Application:
    """Return the application that serves exactly ``routes`` and the description of its API."""
    settings = settings or WebSettings()
    app = web.Application(client_max_size=settings.max_body)
    app[SETTINGS], app[SERVICES], app[AUTHENTICATOR] = settings, services, authenticator
    every = Routes()
    every.include(routes)
    describe(every)
    surround(app, ids, error_page)
    mount(app, every)
    return app
