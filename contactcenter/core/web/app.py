"""Builds the web application of what the rooms declared."""

import logging

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from contactcenter.core.ids import Ids
from contactcenter.core.web.access import AUTHENTICATOR, SERVICES, SETTINGS, Authenticator, Services, WebSettings
from contactcenter.core.web.middlewares import ErrorPage, surround
from contactcenter.core.web.openapi import describe
from contactcenter.core.web.routes import Routes, mount

log = structlog.get_logger(__name__)


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


def server_logger() -> logging.Logger:
    """Return the logger for the server's own complaints, without a trace for each request that is no HTTP.

    Anybody may send those, signed in or not: nobody shall fill a disk with them.
    """
    logger = logging.getLogger("contactcenter.http")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.info("request-malformed", reason=type(error).__name__)
    return False
