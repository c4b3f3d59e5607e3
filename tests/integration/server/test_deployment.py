"""The files people install from do what they say: their very commands are run here, in a throw-away folder."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from sqlalchemy import make_url

from contactcenter.settings import Settings
from tests.contract.database.conftest import postgres as postgres
from tests.integration.server.conftest import processes_of
from tests.rig.asterisk import PREFIX
from tests.rig.deployment import HOME, Image, Unit, environment, moved, program_folder
from tests.rig.ports import free_ports
from tests.rig.postgres import BINARIES
from tests.rig.server import ROOT

IMAGE = Image.read(ROOT / "Dockerfile")
UNIT = Unit.read(ROOT / "deploy/contactcenter.service")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NOBODY = 65534


@pytest.fixture
def folder():
    """The program as an image holds it; short, and open to a user without rights."""
    if not (PREFIX / "asterisk").exists():
        pytest.skip(f"no Asterisk under {PREFIX}")
    place = Path(tempfile.mkdtemp(prefix="cc-"))
    place.chmod(0o755)
    yield program_folder(place)
    for pid in processes_of(place):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(place)


def can_run(user, *command):
    """Whether a user without rights gets there, links on the way and root's closed home included."""
    as_user = {"user": user, "group": user, "extra_groups": []}
    try:
        return subprocess.run(command, cwd="/", env=environment(), capture_output=True, **as_user).returncode == 0
    except PermissionError:
        return False


def user_without_rights():
    """Return nobody where he can use what is installed here, else whoever runs the tests."""
    if os.getuid() == 0 and can_run(NOBODY, ROOT / ".venv/bin/python", "-c", "import aiohttp"):
        return NOBODY if can_run(NOBODY, PREFIX.resolve() / "asterisk", "-V") else 0
    return os.getuid()


def build(folder):
    """Every RUN but apt's, as ``docker build`` would."""
    user = user_without_rights()
    for line in IMAGE.runs:
        if "apt-get" not in line:
            env = environment(**{**IMAGE.arguments, "UID": str(user)})
            done = subprocess.run(["sh", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, line + done.stdout + done.stderr
    return user


async def until_it_is(check, process, log, limit=60):
    async with asyncio.timeout(limit):
        while not await asyncio.to_thread(check):
            assert process.poll() is None, log.read_text()
            await asyncio.sleep(0.2)


def pbx_of(folder):
    """Its Asterisk, of everything that runs from this folder: prompts are spoken in processes of their own."""
    return [pid for pid in processes_of(folder) if b"asterisk.conf" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def ends(process):
    process.send_signal(signal.SIGTERM)
    return await asyncio.to_thread(process.wait, 30)


# ------------------------------------------------------------------ Dockerfile


async def test_the_image_is_built_serves_is_checked_and_ends(folder):
    user = build(folder)
    assert (folder / "data").stat().st_mode & 0o777 == 0o700
    assert (folder / "data").stat().st_uid == user
    port = str(free_ports(1))
    given = {name: moved(value, folder) for name, value in IMAGE.environment.items()}
    env = environment(**given, CONTACTCENTER_HTTP__PORT=port, PYTHONDONTWRITEBYTECODE="1")

    def is_healthy():
        words = [moved(word, folder) for word in IMAGE.health]
        return subprocess.run(words, cwd=folder, env=env, capture_output=True, timeout=30).returncode == 0

    assert not is_healthy(), "nobody serves yet"
    log = (folder / "log").open("wb")
    command = [moved(word, folder) for word in IMAGE.command]
    as_user = {"user": user, "group": user, "extra_groups": []} if user != os.getuid() else {}
    process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, **as_user)
    try:
        await until_it_is(is_healthy, process, folder / "log")
        (pbx,) = pbx_of(folder)
        os.kill(pbx, signal.SIGSTOP)  # an Asterisk that answers no more
        try:
            async with asyncio.timeout(90):
                while await asyncio.to_thread(is_healthy):
                    await asyncio.sleep(1)
        finally:
            os.kill(pbx, signal.SIGCONT)
        await until_it_is(is_healthy, process, folder / "log")
        assert await ends(process) == 0, (folder / "log").read_text()
        assert processes_of(folder) == []
    finally:
        log.close()
        if process.poll() is None:
            process.kill()
            process.wait()


def test_packages_of_the_image_can_be_had():
    (line,) = (line for line in IMAGE.runs if "apt-get" in line)
    install = next(part for part in line.split("&&") if "install" in part)
    words = shlex.split(install)
    assert words[-1] == "python3-venv"
    if shutil.which("apt-get"):
        done = subprocess.run([words[0], "-s", *words[1:]], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


def test_the_image_takes_no_secret_and_nothing_built(folder):
    assert IMAGE.copies == [". ."]
    assert IMAGE.base.startswith("debian:")
    assert (IMAGE.workdir, IMAGE.volume) == (HOME, f"{HOME}/data")
    assert IMAGE.user == "$UID:$UID"
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".venv", "data", "**/node_modules", "agent_ui/static"} <= set(ignored)
    assert not [
        line for line in (folder / "Dockerfile").read_text().splitlines() if re.search("(?i)secret|passw", line)
    ]


# ------------------------------------------------------------------ docker-compose.yml, .env.example, Caddyfile


def lines_of_env_example(*, commented=False):
    pattern = re.compile(r"^#?([A-Z][A-Z0-9_]+)=(.*)$" if commented else r"^([A-Z][A-Z0-9_]+)=(.*)$")
    found = (pattern.match(line) for line in (ROOT / ".env.example").read_text().splitlines())
    return {one[1]: one[2] for one in found if one}


@pytest.mark.parametrize("commented", [False, True])
def test_every_line_of_env_example_is_a_setting_and_compose_gives_good_ones(tmp_path, monkeypatch, commented):
    from_env = lines_of_env_example(commented=commented)
    of_server = {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: from_env[found[1]], value)
        for name, value in COMPOSE["services"]["server"]["environment"].items()
    }
    given = {**from_env, **of_server}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    monkeypatch.chdir(tmp_path)
    settings = Settings()  # an unknown name is refused
    assert settings.pbx.trunks[0].name == "carrier"
    assert (settings.http.host, settings.http.secure_cookies) == ("127.0.0.1", True)
    assert settings.http.trusted_proxies == ("127.0.0.1/32",)
    assert settings.pbx.websocket == "/phone"
    assert (settings.pbx.turn is not None) == commented
    others = [name for name in given if not name.startswith("CONTACTCENTER_")]
    assert others == ["DESK_HOST", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "MORE_PAGES"]
    url = make_url(settings.database_url.get_secret_value())
    postgres = COMPOSE["services"]["postgres"]
    wanted = (
        postgres["environment"]["POSTGRES_USER"],
        from_env["POSTGRES_PASSWORD"],
        postgres["environment"]["POSTGRES_DB"],
    )
    assert (url.username, url.password, url.database) == wanted
    assert (url.host, url.port) == ("127.0.0.1", int(postgres["command"][-1].removeprefix("port=")))
    redis = COMPOSE["services"]["redis"]["command"]
    port = redis[redis.index("--port") + 1]
    assert settings.redis_url.get_secret_value() == f"redis://:{from_env['REDIS_PASSWORD']}@127.0.0.1:{port}/0"


def test_the_web_service_is_a_process_beside_the_server(folder):
    """Its command is one of ours, its port another, and the proxy knows it."""
    server, web = COMPOSE["services"]["server"], COMPOSE["services"]["web"]
    shared = server["environment"]
    assert {name: web["environment"][name] for name in shared} == shared
    assert lines_of_env_example()["MORE_PAGES"] == f"127.0.0.1:{web['environment']['CONTACTCENTER_HTTP__PORT']}"
    done = subprocess.run(
        [*web["command"], "--data", str(folder / "web")],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.split()[1]) == (1, "postgres-and-redis-needed."), done.stderr


def test_compose_names_what_is_there():
    server, proxy = COMPOSE["services"]["server"], COMPOSE["services"]["proxy"]
    assert (ROOT / server["build"] / "Dockerfile").is_file()
    services = COMPOSE["services"].values()
    assert {service["network_mode"] for service in services} == {"host"}
    named = [one.split(":")[0] for service in services for one in service.get("volumes", ())]
    assert {one for one in named if not one.startswith(".")} == set(COMPOSE["volumes"])
    assert all((ROOT / one).is_file() for one in named if one.startswith("."))
    assert f"data:{IMAGE.volume}" in server["volumes"]
    assert server["env_file"] == proxy["env_file"] == ".env"


def test_the_proxy_leads_everything_to_the_server_and_its_check_is_caddys_own():
    text = (ROOT / "deploy/Caddyfile").read_text()
    site = re.search(r"^\{\$DESK_HOST\} \{\n(.*?)^\}", text, re.M | re.S)[1]
    assert site.split()[:4] == ["reverse_proxy", "127.0.0.1:{$CONTACTCENTER_HTTP__PORT:8080}", "{$MORE_PAGES}", "{"]
    assert "health_uri /healthz" in site, "one that is not ready still shows what is wrong"
    assert COMPOSE["services"]["proxy"]["healthcheck"]["test"][-1] == "http://127.0.0.1:2019/config/"


def program(name):
    """A program that scripts/test installs; where it cannot, what it would say is not known."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


@pytest.mark.parametrize("more", ["", "127.0.0.1:8090", "127.0.0.1:8090 127.0.0.1:8091"])
def test_caddy_understands_the_proxys_file(tmp_path, more):
    env = environment(DESK_HOST="desk.example", HOME=str(tmp_path), MORE_PAGES=more)
    words = [program("caddy"), "validate", "--config", str(ROOT / "deploy/Caddyfile"), "--adapter", "caddyfile"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def test_the_databases_command_and_check_are_postgres_own(postgres):
    """Its check says no until the server answers, and its words are what a server of ours takes."""
    service = COMPOSE["services"]["postgres"]
    check = service["healthcheck"]["test"]
    assert check[0] == "CMD"
    words = [str(BINARIES / check[1]), *check[2:]]
    at = words.index("-p") + 1

    def is_healthy(port):
        return (
            subprocess.run([*words[:at], str(port), *words[at + 1 :]], capture_output=True, timeout=30).returncode == 0
        )

    assert is_healthy(postgres.port)
    assert not is_healthy(free_ports(1))
    given = " ".join(service["command"][1:])
    shown = [str(BINARIES / "postgres"), "-C", "listen_addresses", "-D", str(postgres.folder / "data")]
    done = subprocess.run(
        [*shown, *given.split()],
        capture_output=True,
        text=True,
        timeout=30,
        user="nobody" if os.getuid() == 0 else None,
    )
    assert done.stdout.strip() == "127.0.0.1", done.stderr


def test_the_command_and_check_of_redis_are_its_own(tmp_path):
    service = COMPOSE["services"]["redis"]
    port, password = str(free_ports(1)), "secret"
    words = [word.replace("${REDIS_PASSWORD:?choose one in .env}", password) for word in service["command"]]
    words[words.index("--port") + 1] = port
    check = [word.replace("6379", port) for word in service["healthcheck"]["test"][1:]]
    assert service["environment"] == {"REDISCLI_AUTH": "${REDIS_PASSWORD}"}

    def is_healthy(secret):
        env = environment(REDISCLI_AUTH=secret)
        return subprocess.run(check, env=env, capture_output=True, timeout=30).returncode == 0

    assert not is_healthy(password), "nobody answers yet"
    process = subprocess.Popen([program(words[0]), *words[1:]], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + 10
        while not is_healthy(password):
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.1)
        assert not is_healthy("another")
    finally:
        process.terminate()
        process.wait(10)
    assert list(tmp_path.iterdir()) == [], "it keeps nothing"


# ------------------------------------------------------------------ systemd


def unit_environment(folder, **more):
    given = dict(line.split("=", 1) for line in UNIT.of("Environment"))
    values = {name: moved(value, folder).replace("%S", str(folder / "state")) for name, value in given.items()}
    return environment(**values, **more)


async def test_the_units_commands_serve_and_end_as_systemd_would_have_it(folder):
    port = free_ports(1)
    env = unit_environment(folder, CONTACTCENTER_HTTP__PORT=str(port))
    (before,), (start,) = (
        [shlex.split(moved(line, folder)) for line in UNIT.of(n)] for n in ("ExecStartPre", "ExecStart")
    )
    subprocess.run(before, cwd=folder, env=env, check=True, capture_output=True, timeout=60)
    assert (folder / "state/contactcenter/contactcenter.db").exists()

    def is_ready():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                return json.load(answer)["ready"]
        except OSError:
            return False

    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(start, cwd=folder, env=env, stdout=log, stderr=log)
        await until_it_is(is_ready, process, folder / "log")
        process.kill()  # KillMode=process: what it started goes on, and the next start adopts it
        process.wait()
        pbx = pbx_of(folder)
        process = subprocess.Popen(start, cwd=folder, env=env, stdout=log, stderr=log)
        await until_it_is(is_ready, process, folder / "log")
        assert len(pbx) == 1
        assert pbx_of(folder) == pbx
        assert await ends(process) == 0, (folder / "log").read_text()
    assert processes_of(folder) == []


def test_the_unit_gives_no_more_than_is_needed():
    wanted = {
        "Restart": "always", "KillMode": "process", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
        "ProtectHome": "yes", "PrivateTmp": "yes", "StateDirectory": "contactcenter", "StateDirectoryMode": "0700",
        "UMask": "0077", "CapabilityBoundingSet": "CAP_NET_BIND_SERVICE", "User": "contactcenter",
    }  # fmt: skip
    assert {name: UNIT.of(name) for name in wanted} == {name: [value] for name, value in wanted.items()}
    assert not UNIT.of("WatchdogSec"), "nobody feeds one"


def test_the_unit_has_its_sections():
    assert list(UNIT.sections) == ["Unit", "Service", "Install"]


def test_systemd_understands_the_unit(tmp_path):
    text = (ROOT / "deploy/contactcenter.service").read_text()
    unit = tmp_path / "contactcenter.service"
    unit.write_text(text.replace(f"{HOME}/.venv/bin/python", "/bin/true").replace("=contactcenter\n", "=root\n"))
    done = subprocess.run([program("systemd-analyze"), "verify", unit], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "contactcenter.service" in done.stdout + done.stderr) == (0, False), done.stderr
