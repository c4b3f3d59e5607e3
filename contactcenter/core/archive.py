"""The file of a backup: a ZIP archive of one stream of rows for each table, and a manifest that vouches for them.

::

    manifest.json          format, schema revision, when; per table: columns, rows, SHA-256 of its stream
    tables/NAME.jsonl      one JSON array a row, values in the manifest's order of columns

Nothing in it belongs to one kind of database: numbers, texts, booleans, null and JSON, instants as microseconds. The
directory stands at a ZIP's end, so a file that was cut off is no archive at all. No SQL here: ``core/backup``.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from contactcenter.core.errors import Conflict, Invalid

FORMAT: Final = 1
MAX_MANIFEST: Final = 1 << 20  # bytes
MAX_LINE: Final = 64 << 20  # bytes: no row is longer, whatever a damaged stream holds
BATCH: Final = 1000  # rows held in memory at once
BATCH_BYTES: Final = 16 << 20
_MANIFEST: Final = "manifest.json"

Rows = Sequence[Sequence[Any]]
Tell = Callable[[str, int], None]
"""Hears (table, rows so far) now and then."""


class TableEntry(msgspec.Struct, frozen=True):
    """What the manifest says of one table."""

    name: str
    columns: tuple[str, ...]
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """What the archive holds; ``revision`` is the version of its tables."""

    product: str
    format: int
    revision: str
    created_at: str
    tables: tuple[TableEntry, ...]


class ArchiveWriter:
    """Writes the tables one after the other, then the manifest."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._entries: list[TableEntry] = []
        self._encoder = msgspec.json.Encoder()

    def write_table(self, name: str, columns: Sequence[str], batches: Iterable[Rows], tell: Tell) -> None:
        """Write one table's rows, in the order they come."""
        digest, count = hashlib.sha256(), 0
        with self._archive.open(_member(name), "w", force_zip64=True) as stream:
            for rows in batches:
                lines = self._encoder.encode_lines(rows)
                digest.update(lines)
                stream.write(lines)
                count += len(rows)
                tell(name, count)
        self._entries.append(TableEntry(name, tuple(columns), count, digest.hexdigest()))

    def finish(self, revision: str, created_at: str) -> Manifest:
        """Write the manifest; nothing can be added after it."""
        manifest = Manifest("contactcenter", FORMAT, revision, created_at, tuple(self._entries))
        self._archive.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        return manifest


class ArchiveReader:
    """Reads what a writer wrote. Everything that does not hold is Invalid ``backup-damaged`` with a reason."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        self.manifest = self._read_manifest()

    def _read_manifest(self) -> Manifest:
        try:
            with self._archive.open(_MANIFEST) as stream:
                manifest = msgspec.json.decode(stream.read(MAX_MANIFEST), type=Manifest)
        except (KeyError, msgspec.DecodeError):
            raise self.damaged("it has no manifest of ours") from None
        if manifest.product != "contactcenter":
            raise self.damaged("it has no manifest of ours")
        if manifest.format > FORMAT:
            raise Conflict("backup-newer", {"format": manifest.format, "known": FORMAT})
        return manifest

    def batches(self, entry: TableEntry, tell: Tell) -> Iterator[Rows]:
        """Yield a table's rows; after the last one has been taken, count and checksum have been compared."""
        digest, count = hashlib.sha256(), 0
        decoder = msgspec.json.Decoder(list[Any])
        try:
            with self._archive.open(_member(entry.name)) as stream:
                while lines := _lines(stream):
                    for line in lines:
                        digest.update(line)
                    rows = [decoder.decode(line) for line in lines]
                    if any(len(row) != len(entry.columns) for row in rows):
                        raise self.damaged(f"a row of {entry.name} has not the columns of the manifest")
                    count += len(rows)
                    tell(entry.name, count)
                    yield rows
        except (KeyError, msgspec.DecodeError, ValueError) as error:
            raise self.damaged(f"{entry.name}: {error}") from None
        if (count, digest.hexdigest()) != (entry.rows, entry.sha256):
            raise self.damaged(f"{entry.name} is not what the manifest says")

    def damaged(self, reason: str) -> Invalid:
        """Return the error to raise."""
        return Invalid("backup-damaged", {"file": str(self._path), "reason": reason})


def _lines(stream: Any) -> list[bytes]:
    """Read a batch: so many lines, or so many bytes, whatever a few packed bytes unfold to."""
    lines: list[bytes] = []
    size = 0
    while len(lines) < BATCH and size < BATCH_BYTES and (line := stream.readline(MAX_LINE)):
        lines.append(line)
        size += len(line)
    return lines


@contextmanager
def reading(path: Path) -> Iterator[ArchiveReader]:
    """Open a backup. Raises Invalid ``backup-damaged``, also for what turns out in the midst of reading."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield ArchiveReader(archive, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Invalid("backup-damaged", {"file": str(path), "reason": str(error)}) from None
    except OSError as error:
        if error.filename is None or Path(error.filename) != path:
            raise
        raise Invalid("backup-damaged", {"file": str(path), "reason": error.strerror or str(error)}) from None


def _member(table: str) -> str:
    return f"tables/{table}.jsonl"
