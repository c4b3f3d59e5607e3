"""The command line: run, init, check, migrate, backup, restore, provision, simulate, user, token.

Errors say what happened and what to do.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import structlog
import typer
import uvloop
from pydantic import ValidationError

from contactcenter.bootstrap import ContactCenter
from contactcenter.core.archive import Manifest
from contactcenter.core.clock import SystemClock
from contactcenter.core.errors import ContactCenterError
from contactcenter.core.garbage import Collector
from contactcenter.core.logs import LogStream
from contactcenter.core.migrations import migrate as run_migrations
from contactcenter.core.paging import Paging
from contactcenter.core.permissions import SYSTEM, Right
from contactcenter.data_lock import DataLock
from contactcenter.databases import database_of
from contactcenter.settings import Settings
from contactcenter.simulate_command import simulate
from contactcenter.users.model import User
from contactcenter.web_process import WebProcess

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
users = typer.Typer(no_args_is_help=True, help="Keep users.")
tokens = typer.Typer(no_args_is_help=True, help="Keep API tokens.")
app.add_typer(users, name="user")
app.add_typer(tokens, name="token")
app.command()(simulate)

REMEDIES = {
    "store-unavailable": "is the database reachable, its disk not full and the address in database_url right?",
    "migration-missing": "the database has no or old tables: run `python -m contactcenter migrate`",
    "http-port-unavailable": "another program uses the port, or it is not yours to take: choose another with --port",
    "agi-port-unavailable": "another program uses the FastAGI port: is a second server running on this data folder?",
    "port-in-use": "another program uses a port of the PBX: delete pbx/numbers.json in the data folder to choose anew",
    "asterisk-not-installable": "no Asterisk can be unpacked here: use --pbx HOST:PORT, or --pbx simulated to try it",
    "asterisk-not-started": "Asterisk did not start: see the reason and pbx/run/log in the data folder",
    "front-end-missing": "the pages are not built: run scripts/build-frontend (scripts/run does)",
    "ami-secret-missing": "choose a secret (16 to 64 letters and digits) and set CONTACTCENTER_PBX__AMI_SECRET",
    "server-address-missing": "the other servers must reach the first one: set pbx.sip to its HOST:PORT for SIP",
    "server-unknown": "name one of the settings: pbx.server_id, or the server_id of one of servers",
    "data-in-use": "a server runs on this data folder: stop it first, or choose another folder with --data",
    "data-not-writable": "choose a folder that you may write to with --data",
    "data-not-empty": "choose another folder with --data, or --replace: the present database is then kept beside it",
    "postgres-and-redis-needed": "several processes share both: give --database and --redis, here and to the server",
    "tls-pair-needed": "name both files: --tls CERT,KEY",
    "tls-unusable": "give the PEM files of a certificate for servers, with its chain, and its unencrypted key",
    "backup-damaged": "take another backup; nothing was changed",
    "backup-newer": "it was made by a newer program: install that one; nothing was changed",
    "database-newer": "a newer program migrated it: install that one, or choose another database; nothing was changed",
    "database-shared": "choose another database, or drop what is named and make it again later; nothing was changed",
    "simulation-file-invalid": "docs/routing/simulator.md describes scenarios and traces",
    "simulation-rule-unfit": "the reference rules know one interaction at a time only: use --rule ours",
    "file-not-written": "choose a file in a folder that exists and that you may write to",
    "backup-file-exists": "a backup is never written over another: choose a new name",
}
_HTTP = ("port", "tls_certificate", "tls_key")
Data = Annotated[Path | None, typer.Option("--data", help="Folder of database, PBX and prompts.")]
Database = Annotated[
    str | None,
    typer.Option("--database", help="postgresql://USER:PASSWORD@HOST:PORT/NAME in place of a file in the data folder."),
]
Redis = Annotated[
    str | None, typer.Option("--redis", help="redis://:PASSWORD@HOST:PORT/NUMBER joins several processes of one site.")
]
Port = Annotated[int | None, typer.Option(help="HTTP port on 127.0.0.1.")]
Tls = Annotated[str | None, typer.Option(help="CERT,KEY: PEM files; serve HTTPS with them.")]


def main() -> None:
    """Run the command line."""
    try:
        app(standalone_mode=False)
    except ContactCenterError as error:
        fields = ", ".join(f"{name}: {value}" for name, value in error.fields.items())
        remedy = REMEDIES.get(error.code, "")
        _fail(f"{error.code}{f' ({fields})' if fields else ''}{f'. {remedy}' if remedy else ''}")
    except typer.Abort:
        sys.exit(130)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")):
            told = getattr(error, "format_message", error.__str__)()  # names the option, too
            _fail(told or str(error), 2)
        raise


def _fail(text: str, code: int = 1) -> None:
    print(f"contactcenter: {text}", file=sys.stderr)
    sys.exit(code)


def _settings(
    data: Path | None = None, database: str | None = None, redis: str | None = None, **pbx_http: Any
) -> Settings:
    """Read the settings; command-line options win, and are proven together with the rest. A wrong one is named."""
    asked = {"data": data, "database_url": database, "redis_url": redis}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    http = {name: pbx_http[name] for name in _HTTP if pbx_http.get(name) is not None}
    if http:
        given["http"] = http
    if pbx_http.get("mode") is not None:
        given["pbx"] = {"mode": pbx_http["mode"]}
    try:
        settings = Settings(**given)  # each source gives what the one before it left open, also within http and pbx
    except ValidationError as error:
        places = ((".".join(map(str, one["loc"])), one["msg"]) for one in error.errors())
        wrong = "; ".join(f"{place}: {told}" if place else told for place, told in places)
        _fail(f"settings are wrong: {wrong}", 2)
        raise
    _require_writable(settings.data)
    _log(settings.log_level)
    return settings


def _require_writable(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        writable = os.access(data, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise ContactCenterError("data-not-writable", {"data": str(data)})


def _log(level: str) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, LogStream(sys.stderr))),
    )


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    return uvloop.run(work)


@app.command()
def run(
    data: Data = None,
    database: Database = None,
    redis: Redis = None,
    port: Port = None,
    pbx: Annotated[str | None, typer.Option(help="auto | asterisk | simulated | HOST:PORT")] = None,
    tls: Tls = None,
    traffic: Annotated[str, typer.Option(help="Demo customers: none | light | busy")] = "none",
    demo_data: Annotated[
        bool, typer.Option("--demo", help="First bring the tables up to date; fill an empty folder with demo data.")
    ] = False,
    smoke: Annotated[bool, typer.Option(help="Start, wait for one routed, popped and logged call, tell, end.")] = False,
    started_at: Annotated[float | None, typer.Option(hidden=True, help="Epoch seconds the script began.")] = None,
) -> None:
    """Start the server."""
    from contactcenter import demo

    certificate, key = _pair(tls)
    settings = _settings(data, database, redis, port=port, mode=pbx, tls_certificate=certificate, tls_key=key)
    if traffic not in demo.LEVELS:
        raise ContactCenterError("traffic-unknown", {"traffic": traffic, "known": ", ".join(demo.LEVELS)})
    with DataLock(settings.data):
        _run_server(settings, traffic, demo_data=demo_data, smoke=smoke, started_at=started_at)


@app.command()
def web(data: Data = None, database: Database = None, redis: Redis = None, port: Port = None, tls: Tls = None) -> None:
    """Start a further process that serves pages and API beside the server, on the same Postgres and Redis."""
    certificate, key = _pair(tls)
    settings = _settings(data, database, redis, port=port, tls_certificate=certificate, tls_key=key)
    _run(_serve_web(settings))


def _pair(tls: str | None) -> tuple[str | None, str | None]:
    certificate, comma, key = (tls or "").partition(",")
    if tls is not None and not (certificate and comma and key):
        raise ContactCenterError("tls-pair-needed", {"tls": tls})
    return certificate or None, key or None


def _run_server(settings: Settings, traffic: str, *, demo_data: bool, smoke: bool, started_at: float | None) -> None:
    from contactcenter import demo

    if demo_data:
        for line in _run(_init(settings, demo_data=True, login="", if_empty=True)):
            print(line, file=sys.stderr)
    if smoke:
        told = _run(demo.smoke(settings, started_at))
        print(json.dumps(told))
        sys.exit(0 if told["ok"] else 1)
    _run(_serve(settings, traffic))


def _until_stopped() -> asyncio.Event:
    """Return what is set when this process is told to end."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    return stopped


async def _serve_web(settings: Settings) -> None:
    stopped = _until_stopped()
    process = WebProcess(settings)
    try:
        await process.start()
        process.base.tasks.keep("garbage", Collector(lambda: not process.picture.interactions).keep)
        http = settings.http
        print(f"contactcenter serves pages on {http.scheme}://{http.host}:{process.port}", flush=True)
        await stopped.wait()
    finally:
        await process.stop()


async def _serve(settings: Settings, traffic: str) -> None:
    from contactcenter import demo

    stopped = _until_stopped()
    center = ContactCenter(settings)
    fenced = asyncio.Event()

    def leave() -> None:
        """Another server has the site: this one must not act on, and leaves the calls alone."""
        fenced.set()
        stopped.set()

    center.base.database.on_fenced = leave
    customers = None
    try:
        await center.start()
        center.base.tasks.keep("garbage", Collector(lambda: not center.picture.interactions).keep)
        customers = await demo.start_traffic(center, traffic)
        lines = [
            f"contactcenter is on {settings.http.scheme}://{settings.http.host}:{center.port}",
            *demo.logins_told(settings),
        ]
        lines += demo.simulation_told(center)
        print("\n".join(lines), flush=True)
        await stopped.wait()
    finally:
        if customers is not None:
            await customers.stop()
        await center.stop(keep_pbx=fenced.is_set())


@app.command()
def migrate(data: Data = None, database: Database = None) -> None:
    """Bring the database to this program's tables."""
    settings = _settings(data, database)
    print(f"database {_run(_migrate(settings))} is current")


async def _migrate(settings: Settings) -> str:
    database = ContactCenter(settings).base.database
    try:
        await database.prepare(run_migrations)
        return database.place
    finally:
        await database.close()


@app.command()
def init(
    data: Data = None,
    database: Database = None,
    demo_data: Annotated[bool, typer.Option("--demo", help="Queues, agents, customers and logins to try it.")] = False,
    login: Annotated[str, typer.Option(help="Login of the first administrator.")] = "admin",
    if_empty: Annotated[bool, typer.Option(help="Do nothing when there are users already.")] = False,
) -> None:
    """Make the data folder: tables, the first administrator, on request demo data."""
    settings = _settings(data, database)
    for line in _run(_init(settings, demo_data, login, if_empty)):
        print(line)


async def _init(settings: Settings, demo_data: bool, login: str, if_empty: bool) -> list[str]:
    from contactcenter.demo import seed_demo

    center = ContactCenter(settings)
    await center.base.database.prepare(run_migrations)
    await center.base.database.open()
    try:
        if (await center.rooms.users.list_users(SYSTEM, Paging(1))).items:
            if if_empty:
                return []
            raise ContactCenterError("already-initialised", {"data": str(settings.data)})
        if demo_data:
            return await seed_demo(center)
        password = secrets.token_urlsafe(12)
        await center.rooms.users.create_user(SYSTEM, login, "Administrator", "administrator", password)
        return [f"administrator: {login}  password: {password}"]
    finally:
        await center.base.database.close()


@app.command()
def check(data: Data = None, database: Database = None, pbx: Annotated[str | None, typer.Option()] = None) -> None:
    """Tell line by line what is reachable and what is wrong; exit 1 when anything is."""
    from contactcenter.checks import run_checks

    wrong = 0
    for line in _run(run_checks(_settings(data, database, mode=pbx))):
        print(line)
        wrong += line.startswith("WRONG")
    sys.exit(1 if wrong else 0)


@app.command()
def provision(
    etc: Annotated[Path, typer.Argument(help="The Asterisk's configuration folder, for example /etc/asterisk.")],
    data: Data = None,
    database: Database = None,
    server: Annotated[str, typer.Option(help="Which of several: its server_id; else pbx.server_id.")] = "",
) -> None:
    """Write our include files for an Asterisk you run; yours are never edited."""
    from contactcenter.provisioning import provision as write

    for line in _run(write(_settings(data, database), etc, server)):
        print(line)


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="The file to write; it holds secrets and is readable by its owner only.")
    ],
    data: Data = None,
    database: Database = None,
) -> None:
    """Write the database to one file; the server may run meanwhile."""
    from contactcenter.backups import back_up

    manifest = back_up(_settings(data, database), file, _say)
    print(f"{file}: {_held(manifest)}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    data: Data = None,
    database: Database = None,
    replace: Annotated[bool, typer.Option("--replace", help="Also when there is data; it is kept beside.")] = False,
) -> None:
    """Make the database what a backup holds; the server must not run. Everybody signs in anew."""
    from contactcenter.backups import restore as put_back

    settings = _settings(data, database)
    manifest, aside = put_back(settings, file, _say, replace=replace)
    print(f"{_place(settings)}: {_held(manifest)}, written {manifest.created_at}")
    if aside:
        print(f"the former database is kept: {aside}")


def _place(settings: Settings) -> str:
    return database_of(settings, SystemClock()).place


def _held(manifest: Manifest) -> str:
    return f"{sum(table.rows for table in manifest.tables)} rows in {len(manifest.tables)} tables"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@users.command("add")
def add_user(
    login: str,
    name: str,
    role: Annotated[str, typer.Option(help="agent | supervisor | administrator")] = "agent",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)] = "",
    data: Data = None,
    database: Database = None,
) -> None:
    """Add a user."""
    user = _run(_add_user(_settings(data, database), login, name, role, password))
    print(f"user {user.login} ({user.role}) added: {user.user_id}")


@tokens.command("add")
def add_token(
    login: str,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    right: Annotated[list[str], typer.Option(help="A right it has, at most the user's own; repeat for several.")],
    data: Data = None,
    database: Database = None,
) -> None:
    """Make an API token for a user; it is shown once."""
    rights = []
    for one in right:
        try:
            rights.append(Right(one))
        except ValueError:
            known = ", ".join(sorted(known.value for known in Right))
            raise ContactCenterError("right-unknown", {"right": one, "known": known}) from None
    print(_run(_token(_settings(data, database), login, name, rights)))


async def _token(settings: Settings, login: str, name: str, rights: list[Right]) -> str:
    center = ContactCenter(settings)
    await center.base.database.open()
    try:
        principal = await center.rooms.users.principal_of(SYSTEM, login)
        _, secret = await center.rooms.users.create_token(principal, name, frozenset(rights))
        return secret
    finally:
        await center.base.database.close()


async def _add_user(settings: Settings, login: str, name: str, role: str, password: str) -> User:
    center = ContactCenter(settings)
    await center.base.database.open()
    try:
        return await center.rooms.users.create_user(SYSTEM, login, name, role, password)
    finally:
        await center.base.database.close()
