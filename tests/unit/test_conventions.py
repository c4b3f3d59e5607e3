"""The conventions a machine can check: who may import, read the clock, spawn, catch all, speak SQL; names, shapes."""

import ast
import dataclasses
import importlib.metadata
import re
import statistics
import subprocess
import sys
import tomllib
import typing
from fnmatch import fnmatch
from pathlib import Path

import pytest

from cti import dialplan_names
from tests import docs
from tests.source import ROOT, Module, line_count, modules

MODULES = modules()
PURE = (
    *(
        "contactcenter/*/model.py",
        "contactcenter/interactions/figures.py",
        "contactcenter/interactions/live.py",
        "contactcenter/interactions/callbacks.py",
    ),
    *("contactcenter/queues/rules.py", "contactcenter/queues/preview.py", "contactcenter/core/media.py"),
    *(f"contactcenter/dry_runs/{name}.py" for name in ("days", "figures", "patience")),
    *("contactcenter/customers/numbers.py", "contactcenter/core/permissions.py", "contactcenter/core/errors.py"),
    *("routing/*.py", "ivr/flow.py", "ivr/nodes.py", "ivr/diagram.py"),
    *("cti/calls.py", "cti/alerts.py", "cti/dialplan_names.py", "cti/ami/codec.py", "cti/ami/link.py"),
    *("cti/agi/protocol.py", "agent_ui/projections/*.py", "agent_ui/feeds.py", "agent_ui/protocol.py"),
    "cti/pbx_simulator/*.py",
)
SHELLS = {"routing/runtime.py", *(f"cti/pbx_simulator/{name}.py" for name in ("connections", "server", "traffic"))}
PURE_LIBRARIES = {"phonenumbers", "msgspec", "zoneinfo"}
IMPURE = {
    *(
        "asyncio",
        "time",
        "random",
        "secrets",
        "socket",
        "ssl",
        "subprocess",
        "threading",
        "multiprocessing",
        "os",
        "io",
    ),
    *("pathlib", "shutil", "tempfile", "sqlite3", "urllib", "http", "signal", "sys", "logging", "select", "queue"),
}
INJECTED = {  # a random.Random comes in as an argument, or one is made with a seed that does: same seed, same numbers
    "cti/ami/link.py": {"random"},
    **{f"routing/simulator/{name}.py": {"random"} for name in ("scenario", "rules", "runs")},
    **{f"contactcenter/dry_runs/{name}.py": {"random"} for name in ("days", "patience")},
}

SQL = (
    *("contactcenter/*/*store.py", "contactcenter/core/*database.py", "contactcenter/core/events.py"),
    *("contactcenter/core/images.py", "contactcenter/core/prepared.py", "contactcenter/core/publisher.py"),
    *("contactcenter/core/sessions.py", "contactcenter/core/backup.py", "contactcenter/core/database_file.py"),
    *("contactcenter/core/migrations/*", "contactcenter/core/follower.py", "contactcenter/core/sqlite_checkpoints.py"),
    "contactcenter/core/versions.py",
)
SQL_TYPES = {"Connection", "Row", "Table", "IntegrityError", "true"}  # what passes through, never a statement

CATCH_ALL = {
    "contactcenter/core/web/middlewares.py": 1,  # HTTP
    "contactcenter/core/tasks.py": 1,  # task supervisor
    "contactcenter/core/publisher.py": 1,  # per listener
    "contactcenter/core/bus.py": 1,  # per listener
    "contactcenter/core/bus_questions.py": 1,  # per question
    "contactcenter/core/postgres_database.py": 2,  # per batch: the writer's inbox, and a batch in doubt
    "contactcenter/core/sqlite_database.py": 1,
    "contactcenter/interactions/auditor.py": 1,  # per finding
    "cti/ami/client.py": 1,  # per message
    "cti/agi/server.py": 1,  # per session
    "routing/runtime.py": 2,  # per command, per decision
    "agent_ui/socket.py": 1,  # per message
    "contactcenter/cli.py": 1,  # the end of the program
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "tools"}
PERSONAL = {"number", "name", "text", "note", "phone", "email", "address", "caller", "subject_line", "body", "query"}
MODULE_MAX, FUNCTION_MAX = 600, 50


def matches(path: str, patterns: typing.Iterable[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


def where(module: Module, node: ast.AST) -> str:
    return f"{module.path}:{getattr(node, 'lineno', 0)}"


# ------------------------------------------------------------------ imports


@pytest.mark.parametrize(
    "module", [m for m in MODULES if matches(m.path, PURE) and m.path not in SHELLS], ids=lambda m: m.path
)
def test_pure_modules_import_no_loop_no_clock_no_chance_no_io_no_framework(module: Module) -> None:
    ours = {"contactcenter", "routing", "ivr", "cti", "agent_ui"}
    allowed = (set(sys.stdlib_module_names) - IMPURE) | PURE_LIBRARIES | ours | INJECTED.get(module.path, set())
    assert {name.partition(".")[0] for name, _ in module.imports} <= allowed


def test_only_stores_speak_sql() -> None:
    for module in MODULES:
        if not matches(module.path, SQL):
            names = {one for name, one in module.imports if name.partition(".")[0] in {"sqlalchemy", "sqlite3"}}
            assert names <= SQL_TYPES, module.path


def test_panoramisk_is_for_tests_only() -> None:
    assert not [m.path for m in MODULES if any(name.startswith("panoramisk") for name, _ in m.imports)]


def test_the_product_imports_no_test() -> None:
    assert not [m.path for m in MODULES if any(name.partition(".")[0] in {"tests", "pytest"} for name, _ in m.imports)]


# ------------------------------------------------------------------ clock, tasks, errors, commands


def offenders(pattern: str, *, allowed: set[str]) -> list[str]:
    """Places that call something whose dotted name fits."""
    rule = re.compile(pattern)
    return [
        f"{where(module, call)} {name}"
        for module in MODULES
        if module.path not in allowed
        for name, call in module.calls
        if rule.search(name)
    ]


def test_only_the_clock_reads_the_time() -> None:
    pattern = r"(^|\.)(datetime|date)\.(now|utcnow|today)$|^time\.(time|time_ns|gmtime|localtime)$|\.utcnow$"
    assert not offenders(pattern, allowed={"contactcenter/core/clock.py"})


def test_only_the_supervisor_spawns_tasks() -> None:
    assert not offenders(r"create_task$|ensure_future$|TaskGroup$", allowed={"contactcenter/core/tasks.py"})


def test_nothing_blocks_the_loop() -> None:
    assert not offenders(r"^time\.sleep$|^requests\.|^subprocess\.(run|call|check_)", allowed=set())


def test_no_text_becomes_a_command() -> None:
    assert not offenders(r"^(eval|exec|os\.system|os\.popen|pickle\.|marshal\.)|create_subprocess_shell", allowed=set())
    assert not [
        where(m, call)
        for m in MODULES
        for _, call in m.calls
        for keyword in call.keywords
        if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
    ]
    assert not offenders(r"^yaml\.(load|full_load|unsafe_load)$", allowed=set())


def _catches(module: Module, name: str) -> list[ast.ExceptHandler]:
    return [
        one for one in module.of(ast.ExceptHandler) if (ast.unparse(one.type) if one.type else "BaseException") == name
    ]


def test_except_exception_lives_in_few_places() -> None:
    found = {module.path: count for module in MODULES if (count := len(_catches(module, "Exception")))}
    assert {path: count for path, count in found.items() if count > CATCH_ALL.get(path, 0)} == {}


def test_what_catches_everything_raises_it_again() -> None:
    for module in MODULES:
        for handler in _catches(module, "BaseException"):
            assert module.path == "contactcenter/core/database.py" or any(
                isinstance(node, ast.Raise) for node in ast.walk(handler)
            ), where(module, handler)


def test_log_messages_are_static() -> None:
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    assert not [
        where(m, call)
        for m in MODULES
        for name, call in m.calls
        if name.partition(".")[0] == "log"
        and name.rpartition(".")[2] in levels
        and isinstance(call.args[0], ast.JoinedStr)
    ]


# ------------------------------------------------------------------ names and shapes


def test_no_module_is_a_drawer() -> None:
    assert not [m.path for m in MODULES if set(m.path.removesuffix(".py").split("/")) & BANNED_NAMES]


def test_no_module_is_too_long() -> None:
    assert not [m.path for m in MODULES if m.text.count("\n") > MODULE_MAX]


def test_no_function_is_too_long() -> None:
    written = [m for m in MODULES if "/migrations/" not in m.path]
    assert not [where(m, f) for m in written for f in m.functions if line_count(f) > FUNCTION_MAX]


def test_functions_stay_short() -> None:
    lengths = sorted(line_count(f) for m in MODULES for f in m.functions)
    assert statistics.median(lengths) <= 8
    assert lengths[int(len(lengths) * 0.9)] <= 25


def test_files_follow_the_room_plan() -> None:
    rooms = {m.path.split("/")[1] for m in MODULES if m.path.count("/") == 2 and m.path.startswith("contactcenter/")}
    for room in rooms - {"core"}:
        files = {m.path.split("/")[2] for m in MODULES if m.path.startswith(f"contactcenter/{room}/")}
        assert {"model.py", "service.py", "store.py", "api.py"} <= files, room


# ------------------------------------------------------------------ Asterisk's names


def test_names_shared_with_the_dialplan_stand_in_one_place() -> None:
    known_contexts = set(dialplan_names.CONTEXTS)
    shared = re.compile(r"CC_[A-Z_]+|CC(?:Arrived|Lost|Fallback|Reached|Missed|Hold)")
    own = {"cti/dialplan_names.py", "cti/demo_traffic.py"}  # the second writes a dialplan of its own
    for module in MODULES:
        if not module.path.startswith("cti/") or module.path in own:
            continue
        docstrings = {id(node) for node in _docstrings(module)}
        for node in module.of(ast.Constant):
            if isinstance(node.value, str) and id(node) not in docstrings:
                assert not shared.findall(node.value), f"{where(module, node)}: take it from dialplan_names"
                assert node.value not in known_contexts, f"{where(module, node)}: take it from dialplan_names"


def _docstrings(module: Module) -> list[ast.Constant]:
    """Every string that stands alone: docstrings and attribute docs."""
    alone = [node.value for node in module.of(ast.Expr)]
    return [value for value in alone if isinstance(value, ast.Constant)]


# ------------------------------------------------------------------ events and errors


@pytest.mark.parametrize("kind", sorted(docs.all_events()))
def test_events_hold_ids_and_codes_only(kind: str) -> None:
    cls = docs.all_events()[kind]
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind)
    names = {one.name for one in dataclasses.fields(cls)}  # type: ignore[arg-type]
    assert not names & PERSONAL
    assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_error_codes_are_kebab_case() -> None:
    raised = [
        (where(module, call), call.args[0].value)
        for module in MODULES
        for name, call in module.calls
        if name.rpartition(".")[2] in docs._CLASSES and call.args and isinstance(call.args[0], ast.Constant)
    ]
    assert len(raised) > 40
    assert not [one for one in raised if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", str(one[1]))]


@pytest.mark.parametrize(
    "path, page",
    [
        (docs.ERRORS, docs.errors_page),
        (docs.EVENTS, docs.events_page),
        (docs.PHASES_PAGE, docs.phases_page),
    ],
    ids=["errors", "events", "phases"],
)
def test_pages_made_from_the_source_are_up_to_date(path: Path, page: typing.Callable[[], str]) -> None:
    assert path.read_text(encoding="utf-8") == page(), "run: python -m tests.docs"


# ------------------------------------------------------------------ the repository


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_no_place_of_one_machine_is_named() -> None:
    # /opt/a stands for any place in a test of paths
    places = re.compile(
        r"(?<![\w./$}-])/(opt|work|root|home/\w+|Users/\w+)/(?!a\b)|https?://[^/\s]*(pypi|npmjs|mirror)"
    )
    skipped = {"package-lock.json", "test_conventions.py"}
    for path in tracked():
        if path.name in skipped or path.suffix in {".png", ".wav", ".mo"}:
            continue
        found = places.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{path.relative_to(ROOT)}: {found and found.group()}"


def test_requirements_are_pinned_hashed_and_name_no_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        assert "--index" not in text
        blocks = re.findall(r"^([A-Za-z0-9_.-]+(?:\[[a-z,]+\])?==.*?)(?=^[A-Za-z0-9]|\Z)", text, re.M | re.S)
        assert blocks
        assert all("--hash=sha256:" in block for block in blocks)


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {
        "requirements.txt": project["project"]["dependencies"],
        "requirements-dev.txt": project["project"]["dependencies"] + project["dependency-groups"]["dev"],
        "requirements-node.txt": project["dependency-groups"]["node"],
    }
    for name, requirements in wanted.items():
        locked = {line.split("==")[0].split("[")[0] for line in (ROOT / name).read_text().splitlines() if "==" in line}
        for requirement in requirements:
            assert re.split(r"[\[<>=;]", requirement)[0].strip().lower() in locked, (name, requirement)


LICENCES = re.compile(r"apache|mit|bsd|isc|psf|python software|mpl|mozilla|unlicense|zlib|public domain|0bsd|cc0", re.I)
RUN_ONLY = {"djlint": "GPL-3.0-or-later, a program run over our templates, linked to nothing"}


def _licence(name: str) -> str:
    about = importlib.metadata.metadata(name)
    classifiers = [one for one in about.get_all("Classifier") or [] if one.startswith("License")]
    return " ".join([about.get("License-Expression") or "", (about.get("License") or "")[:80], *classifiers])


def test_licences_let_us_ship() -> None:
    text = (ROOT / "requirements-dev.txt").read_text()
    names = set(re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[a-z,]+\])?==", text, re.M))
    installed = {name: _licence(name) for name in names if _is_installed(name)}
    assert len(installed) > 60
    bad = {name: licence for name, licence in installed.items() if "GPL" in licence and name not in RUN_ONLY}
    assert not bad
    assert not {
        name: licence for name, licence in installed.items() if not LICENCES.search(licence) and name not in RUN_ONLY
    }


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
