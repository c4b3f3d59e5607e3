"""A backup holds every row there is; a restore leaves either all of it or everything as it was."""

import errno
import io
import os
import shutil
import sqlite3
import stat
import zipfile
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Float, Integer, MetaData, insert, select, text
from sqlalchemy.event import listen

from contactcenter import backups
from contactcenter.core import archive, database_file, migrations
from contactcenter.core.clock import ManualClock
from contactcenter.core.errors import ContactCenterError
from contactcenter.core.ids import SiteId
from contactcenter.core.sqlite_database import SqliteDatabase, open_engine
from contactcenter.data_lock import FILE
from contactcenter.settings import Settings
from contactcenter.users.model import SessionEnded
from tests.rig.rooms import open_rooms
from tests.rig.tables import make_tables

ODD = 'line\r\nbreak \x00 \u2028 \U0001f600 ñ Ж "quoted" \'; DROP'


@cache
def template():
    """A database with tables and no rows."""
    path = Path(mkdtemp(prefix="cc-backups-")) / "template.db"
    engine = open_engine(path, readonly=False)
    make_tables(engine)
    engine.dispose()
    database_file.seal(path)
    return path


KNOWN = {}


def known(engine):
    """The tables of a database; reading them takes longer than most tests here."""
    with engine.connect() as connection:
        made = tuple(connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name")).scalars())
    if made not in KNOWN:
        KNOWN[made] = MetaData()
        KNOWN[made].reflect(engine)
    return KNOWN[made]


def fill(path, rows=3):
    """Rows in every table the migrations made: odd texts, great numbers, nulls where they may be."""
    shutil.copy(template(), path)
    engine = open_engine(path, readonly=False)
    found = known(engine)
    with engine.begin() as connection:
        for table in found.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(insert(table), [row(table, number) for number in range(rows)])
    engine.dispose()


def row(table, number):
    return {column.name: value(table, column, number) for column in table.columns}


def value(table, column, number):
    parents = [key.column for key in column.foreign_keys]
    if parents:
        return value(parents[0].table, parents[0], number)
    if column.nullable and number == 0:
        return None
    if isinstance(column.type, JSON):
        return {"a": [1, None, ODD], "b": {"c": 0.1}} if number else []
    if isinstance(column.type, Boolean):
        return bool(number % 2)
    if isinstance(column.type, BigInteger):
        return 1_767_600_000_123_456 + number
    if isinstance(column.type, Integer):
        return 2**31 - 1 - number
    if isinstance(column.type, Float):
        return 0.1 + number
    return f"{table.name}-{column.name}-{number}-{ODD}"


def contents(path):
    """Every row of every table by the table's name."""
    engine = open_engine(path, readonly=True)
    found = known(engine)
    with engine.connect() as connection:
        tables = found.sorted_tables
        got = {t.name: connection.execute(select(t).order_by(*t.primary_key.columns)).all() for t in tables}
    engine.dispose()
    return got


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    path = tmp_path_factory.mktemp("filled") / "filled.db"
    fill(path)
    database_file.seal(path)
    return path


@pytest.fixture
def source(tmp_path, filled):
    """A data folder with rows in every table."""
    settings = Settings(data=tmp_path / "source")
    settings.data.mkdir()
    shutil.copy(filled, settings.database_file)
    return settings


@pytest.fixture
def target(tmp_path):
    """A data folder with nothing in it."""
    settings = Settings(data=tmp_path / "target")
    settings.data.mkdir()
    return settings


def said(line):
    raise AssertionError(f"nothing this short is worth a word: {line}")


def saved(settings, tmp_path, name="backup.zip"):
    file = tmp_path / name
    return file, backups.back_up(settings, file, said)


def code_of(work, *arguments, **options):
    with pytest.raises(ContactCenterError) as caught:
        work(*arguments, **options)
    return caught.value.code


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "server.lock"}


def test_every_table_comes_back_equal(source, target, tmp_path):
    file, manifest = saved(source, tmp_path)
    assert file.stat().st_mode & 0o777 == 0o600
    restored, aside = backups.restore(target, file, said, replace=False)
    assert (restored, aside) == (manifest, "")
    before, after = contents(source.database_file), contents(target.database_file)
    assert len(before) > 25
    assert all(before.values())
    assert after.pop("sessions") == after.pop("journal") == []
    assert after == {name: rows for name, rows in before.items() if name in after}
    assert before.keys() - after.keys() == {"sessions", "journal"}
    assert sorted(files_of(target.data)) == ["contactcenter.db"]


def test_the_restored_database_is_sound_and_migrated(source, target, tmp_path):
    backups.restore(target, saved(source, tmp_path)[0], said, replace=False)
    with closing(sqlite3.connect(target.database_file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    engine = open_engine(target.database_file, readonly=True)
    with engine.connect() as connection:
        assert migrations.is_current(connection)
    engine.dispose()


async def test_numbers_go_on_in_a_journal_of_another_epoch(tmp_path):
    async with open_rooms(tmp_path) as rooms:
        user = await rooms.user("ines", "agent")
        epoch, seq = rooms.database.epoch, rooms.database.seq
    settings = Settings(data=tmp_path / "new")
    settings.data.mkdir()
    file, clock = tmp_path / "b.zip", ManualClock()
    old = Settings(data=tmp_path / "old")
    old.data.mkdir()
    shutil.copy(rooms.database.path, old.database_file)
    backups.back_up(old, file, said)
    backups.restore(settings, file, said, replace=False)
    clock.advance(1)
    database = SqliteDatabase(settings.database_file, clock, SiteId("main"))
    await database.open()
    try:
        assert database.seq == seq > 0
        assert database.epoch not in ("", epoch)
        await database.write(lambda tx: tx.record(SessionEnded(user.user_id, "session", "signed-out")))
        assert database.seq == seq + 1
    finally:
        await database.close()


def test_data_is_never_written_over_unless_told_and_then_kept(source, target, tmp_path):
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    before = files_of(target.data)
    assert code_of(backups.restore, target, file, said, replace=False) == "data-not-empty"
    assert files_of(target.data) == before
    old = contents(target.database_file)
    _, aside = backups.restore(target, file, said, replace=True)
    assert contents(Path(aside)) == old
    assert contents(target.database_file)["users"] == contents(source.database_file)["users"]


def test_an_empty_database_is_filled(source, target, tmp_path):
    engine = open_engine(target.database_file, readonly=False)
    make_tables(engine)
    engine.dispose()
    _, aside = backups.restore(target, saved(source, tmp_path)[0], said, replace=False)
    assert aside == ""
    assert contents(target.database_file)["users"]


def test_what_a_killed_server_left_in_its_log_is_kept_aside_too(source, target, tmp_path):
    """The write-ahead log of the former database must neither be lost nor be taken for the new one's."""
    file, _ = saved(source, tmp_path)
    engine = open_engine(tmp_path / "live.db", readonly=False)
    make_tables(engine)
    with closing(sqlite3.connect(tmp_path / "live.db")) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("INSERT INTO skills VALUES ('s', 'only-in-the-log', 'x')")
        connection.commit()
        for suffix in ("", "-wal"):
            shutil.copy(tmp_path / f"live.db{suffix}", f"{target.database_file}{suffix}")
    engine.dispose()
    _, aside = backups.restore(target, file, said, replace=True)
    assert contents(Path(aside))["skills"] == [("s", "only-in-the-log", "x")]
    assert contents(target.database_file)["skills"] == contents(source.database_file)["skills"]


def test_a_database_that_another_program_reads_is_not_taken_away_from_it(source, target, tmp_path, monkeypatch):
    """Its log cannot be folded in while somebody needs it, and must not be left beside the new file."""
    monkeypatch.setattr(database_file, "PATIENCE", 0.1)
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    with closing(sqlite3.connect(target.database_file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        with closing(sqlite3.connect(target.database_file)) as writer:
            writer.execute("INSERT INTO skills VALUES ('s', 'late', 'x')")
            writer.commit()
        before = contents(target.database_file)
        assert code_of(backups.restore, target, file, said, replace=True) == "data-in-use"
        assert contents(target.database_file) == before
    assert [name for name in files_of(target.data) if "restor" in name] == []


def test_a_database_beyond_repair_is_replaced_only_when_told(source, target, tmp_path):
    file, _ = saved(source, tmp_path)
    target.database_file.write_bytes(b"no database at all" * 500)
    assert code_of(backups.restore, target, file, said, replace=False) == "data-not-empty"
    _, aside = backups.restore(target, file, said, replace=True)
    assert Path(aside).read_bytes().startswith(b"no database")
    assert contents(target.database_file)["users"]


# ------------------------------------------------------------------ files that are no good


def rewritten(file, change):
    """The archive with members changed: ``change`` maps name and bytes to bytes, or None to leave it out."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            changed = change(name, data)
            if changed is not None:
                archive.writestr(name, changed)


def manifest_with(**changes):
    def change(name, data):
        return msgspec.json.encode({**msgspec.json.decode(data), **changes}) if name == "manifest.json" else data

    return change


def in_users(work):
    return lambda name, data: work(data) if name == "tables/users.jsonl" else data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-30]),
        lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_text("a text of somebody else"),
        lambda file: zipfile.ZipFile(file, "w").close(),
        lambda file: rewritten(file, lambda name, data: None if name == "manifest.json" else data),
        lambda file: rewritten(file, manifest_with(product="other")),
        lambda file: rewritten(file, manifest_with(tables=[])),
        lambda file: rewritten(file, in_users(lambda data: None)),
        lambda file: rewritten(file, in_users(lambda data: data[: data.index(b"\n") + 1])),
        lambda file: rewritten(file, in_users(lambda data: data.replace(b"users-login-1", b"users-login-9"))),
        lambda file: rewritten(file, in_users(lambda data: data.replace(b"[", b"[[", 1))),
        lambda file: rewritten(file, in_users(lambda data: b"[]\n" * 3)),
    ],
    ids=[
        "end-cut",
        "half",
        "nothing",
        "foreign",
        "empty-zip",
        "no-manifest",
        "other-product",
        "no-tables",
        "table-missing",
        "row-missing",
        "row-changed",
        "no-json",
        "no-columns",
    ],
)
def test_a_file_that_is_no_good_changes_nothing(source, target, tmp_path, spoil):
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    before = files_of(target.data)
    spoil(file)
    assert code_of(backups.restore, target, file, said, replace=True) == "backup-damaged"
    assert files_of(target.data) == before


def test_any_damaged_byte_is_found(source, target, tmp_path):
    file, _ = saved(source, tmp_path)
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        member = archive.getinfo("tables/users.jsonl")
    for place in range(member.header_offset + 90, member.header_offset + member.compress_size, 23):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        assert code_of(backups.restore, target, file, said, replace=False) == "backup-damaged"
        assert files_of(target.data) == {}


@pytest.mark.parametrize("newer", [{"revision": "9999"}, {"format": 2}])
def test_a_newer_programs_backup_is_refused(source, target, tmp_path, newer):
    file, _ = saved(source, tmp_path)
    rewritten(file, manifest_with(**newer))
    assert code_of(backups.restore, target, file, said, replace=False) == "backup-newer"
    assert files_of(target.data) == {}


def test_an_older_backup_is_migrated(source, target, tmp_path, monkeypatch):
    """A program with one step more: its folder of steps holds a second one."""
    file, _ = saved(source, tmp_path)
    steps = tmp_path / "steps"
    shutil.copytree(migrations._FOLDER, steps, ignore=shutil.ignore_patterns("__pycache__"))
    newest = sorted(path.stem[:4] for path in (steps / "versions").glob("[0-9]*.py"))[-1]
    (steps / "versions" / "9000_motto.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\nrevision, down_revision = '9000', '{newest}'\n"
        "def upgrade():\n    op.add_column('users', sa.Column('motto', sa.String(9), server_default='new'))\n"
    )
    monkeypatch.setattr(migrations, "_FOLDER", steps)
    backups.restore(target, file, said, replace=False)
    assert [one.motto for one in contents(target.database_file)["users"]] == ["new"] * 3
    assert contents(target.database_file)["alembic_version"] == [("9000",)]


# ------------------------------------------------------------------ beside others, and in numbers


def test_a_database_of_a_newer_program_is_kept_unless_told(source, target, tmp_path):
    file, _ = saved(source, tmp_path)
    backups.restore(target, file, said, replace=False)
    engine = open_engine(target.database_file, readonly=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    assert code_of(backups.back_up, target, tmp_path / "new.zip", said) == "database-newer"
    assert code_of(backups.restore, target, file, said, replace=False) == "data-not-empty"
    _, aside = backups.restore(target, file, said, replace=True)
    assert aside


def test_a_backup_is_never_written_over_another(source, tmp_path):
    file, _ = saved(source, tmp_path)
    before = file.read_bytes()
    assert code_of(backups.back_up, source, file, said) == "backup-file-exists"
    assert file.read_bytes() == before


def test_what_cannot_be_written_leaves_nothing(source, tmp_path):
    (tmp_path / "file").write_text("")
    assert code_of(backups.back_up, source, tmp_path / "file" / "b.zip", said) == "backup-not-written"
    assert code_of(backups.back_up, source, tmp_path / "none" / "b.zip", said) == "backup-not-written"


def test_nothing_to_back_up_is_told(target, tmp_path):
    assert code_of(backups.back_up, target, tmp_path / "b.zip", said) == "migration-missing"
    open_engine(target.database_file, readonly=False).connect().close()
    assert code_of(backups.back_up, target, tmp_path / "b.zip", said) == "migration-missing"
    assert not (tmp_path / "b.zip").exists()


def test_progress_is_told_now_and_then():
    lines = []
    progress = backups.Progress(lines.append)
    for rows in range(1000, 600_000, 1000):
        progress("events", rows)
    assert lines == ["events: 250000 rows", "events: 500000 rows"]


def test_a_full_disk_changes_nothing_and_is_told(source, target, tmp_path, monkeypatch):
    file, _ = saved(source, tmp_path)

    def small(path, **options):
        engine = open_engine(path, **options)
        listen(engine, "connect", lambda connection, record: connection.execute("PRAGMA max_page_count=60"))
        return engine

    monkeypatch.setattr(backups, "open_engine", small)
    assert code_of(backups.restore, target, file, said, replace=False) == "store-unavailable"
    assert files_of(target.data) == {}


def test_a_batch_is_bounded_in_bytes_too(monkeypatch):
    """A megabyte of zeros, packed, unfolds to a thousand lines of 64 MiB."""
    monkeypatch.setattr(archive, "BATCH_BYTES", 100)
    stream = io.BytesIO(b"x" * 59 + b"\n" + b"y" * 59 + b"\n" + b"z\n")
    assert [len(archive._lines(stream)), len(archive._lines(stream)), len(archive._lines(stream))] == [2, 1, 0]


def test_a_backup_is_not_written_into_somebody_elses_file(tmp_path):
    theirs, part = tmp_path / "theirs", tmp_path / "part"
    theirs.write_text("")
    part.symlink_to(theirs)
    with pytest.raises(FileExistsError):
        backups._write(tmp_path / "any.db", part, backups.Progress(print))
    assert theirs.read_text() == ""


# ------------------------------------------------------------------ owners, and file systems without hard links


def test_what_root_restores_is_the_folder_owners(source, target, tmp_path, monkeypatch):
    """Else the server, which runs as him, could not open its own database."""
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    given = []
    if os.geteuid() == 0:
        for path in (target.data, target.database_file):
            os.chown(path, 12345, 12346)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(os, "chown", lambda path, *owner, **more: given.append((Path(path).name, owner)))
    _, aside = backups.restore(target, file, said, replace=True)
    if given:
        folder = target.data.stat()
        owner = (folder.st_uid, folder.st_gid)
        assert {(FILE, owner), ("contactcenter.db.restoring", owner)} <= set(given)
        return
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in target.data.iterdir()}
    assert {FILE, target.database_file.name, Path(aside).name} <= owners.keys()
    assert set(owners.values()) == {(12345, 12346)}


@pytest.fixture
def no_hard_links(monkeypatch):
    def refused(*names, **more):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)


def test_without_hard_links_a_backup_is_written_and_never_over_another(source, tmp_path, no_hard_links, monkeypatch):
    file, _ = saved(source, tmp_path)
    before = file.read_bytes()
    exists = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path != file and exists(path))  # it comes after we looked
    assert code_of(backups.back_up, source, file, said) == "backup-file-exists"
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_without_hard_links_the_former_database_is_kept_as_well(source, target, tmp_path, no_hard_links):
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    old = contents(target.database_file)
    _, aside = backups.restore(target, file, said, replace=True)
    assert (contents(Path(aside)), stat.S_IMODE(Path(aside).stat().st_mode)) == (old, 0o600)
    assert contents(target.database_file)["users"] == contents(source.database_file)["users"]


def test_without_hard_links_and_without_room_everything_stays(source, target, tmp_path, no_hard_links, monkeypatch):
    file, _ = saved(source, tmp_path)
    fill(target.database_file, rows=1)
    before = contents(target.database_file)

    def full(*streams):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    assert code_of(backups.restore, target, file, said, replace=True) == "store-unavailable"
    assert contents(target.database_file) == before
    assert [name for name in files_of(target.data) if "restor" in name] == []
