"""The file: opening it, creating its tables, refusing what is not ours."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from virtpulse.errors import FatalError
from virtpulse.logs import get_logger
from virtpulse.transports.local.failures import explained
from virtpulse.transports.local.transactions import snapshot, writing

SCHEMA_VERSION: Final = 2
TOPIC_SHIFT: Final = 44  # a row's number is `topic id << 44 | position`: one tree, in the order of reading
BUSY_SECONDS: Final = 5.0
_APPLICATION: Final = 0x76706C67  # "vplg"
_WAL_LIMIT: Final = 64 << 20
_OLDEST_SQLITE: Final = (3, 37, 0)

_log = get_logger(__name__)
_TABLES: Final = (
    """CREATE TABLE topics (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, compacted INTEGER NOT NULL,
        first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0) STRICT""",
    """CREATE TABLE batches (
        at INTEGER PRIMARY KEY, time REAL NOT NULL, count INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL) STRICT""",
    """CREATE TABLE latest (
        at INTEGER PRIMARY KEY, topic INTEGER NOT NULL, key TEXT NOT NULL, time REAL NOT NULL, value BLOB NOT NULL,
        checksum INTEGER NOT NULL, UNIQUE (topic, key)) STRICT""",
    "CREATE INDEX removed ON latest (time) WHERE value = x''",
    """CREATE TABLE positions (
        consumers TEXT NOT NULL, topic TEXT NOT NULL, first_needed INTEGER NOT NULL, following INTEGER NOT NULL,
        PRIMARY KEY (consumers, topic), CHECK (0 <= first_needed AND first_needed <= following)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE leases (
        consumers TEXT PRIMARY KEY, owner TEXT NOT NULL, generation INTEGER NOT NULL, process TEXT NOT NULL,
        renewed REAL NOT NULL) STRICT, WITHOUT ROWID""",
    f"PRAGMA application_id = {_APPLICATION}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


def open_database(path: Path) -> sqlite3.Connection:
    """Open the log for the calling thread, creating file and folder if missing. Raises RetryableError or FatalError."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        msg = f"SQLite {sqlite3.sqlite_version} is too old for the local log: use a Python with 3.37 or later"
        raise FatalError(msg)
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            msg = f"the log {path} is a folder: name a file"
            raise FatalError(msg)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=64)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    with snapshot(connection):  # another process may be creating the tables just now
        ready = _is_ours(connection, path)
    if not ready:
        connection.execute("PRAGMA page_size = 8192")
        _use_wal(connection)
        _create(connection, path)
    _try_to_write(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA trusted_schema = OFF")


def _try_to_write(connection: sqlite3.Connection) -> None:
    """Fail now, not at the first message, if the file cannot be written. A mere BEGIN would not tell."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _is_ours(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the tables are there, False for an empty file."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application == 0 and version == 0 and tables == 0:
        return False
    if application != _APPLICATION:
        msg = f"the file {path} is a SQLite database of another program: name another file for the log"
        raise FatalError(msg)
    if version > SCHEMA_VERSION:
        msg = f"the log {path} was written by a later virtpulse (form {version}, not {SCHEMA_VERSION}): upgrade virtpulse"
        raise FatalError(msg)
    if version < SCHEMA_VERSION:
        msg = f"the log {path} was written by an earlier virtpulse (form {version}, not {SCHEMA_VERSION}): move it away"
        raise FatalError(msg)
    return True


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for locks there, so two processes that create one file must be patient themselves."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _create(connection: sqlite3.Connection, path: Path) -> None:
    with writing(connection):
        if _is_ours(connection, path):
            return
        for statement in _TABLES:
            connection.execute(statement)
    _log.info("log created", path=str(path))
