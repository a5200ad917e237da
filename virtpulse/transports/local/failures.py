"""What SQLite and the file system say, as the errors of the project: what is wrong, and what to do."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from virtpulse.errors import FatalError, RetryableError, VirtpulseError

_RETRY: Final = {
    sqlite3.SQLITE_BUSY: "is locked by another process for too long: it is tried again; if this stays, look who holds it",
    sqlite3.SQLITE_LOCKED: "is locked by another process for too long: it is tried again; if this stays, look who holds it",
    sqlite3.SQLITE_FULL: "could not grow, the disk is full: free space (removing old messages needs some, too)",
    sqlite3.SQLITE_IOERR: "could not be read or written: look at the disk, its quota and the file size limit",
    sqlite3.SQLITE_NOMEM: "needs more memory than there is: free some",
}
_FATAL: Final = {
    sqlite3.SQLITE_READONLY: "cannot be written: give this user write permission on the file and its folder",
    sqlite3.SQLITE_PERM: "cannot be used: give this user permission on the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: look at the permissions, free space and free inodes of its folder",
    sqlite3.SQLITE_NOTADB: "is not a virtpulse log: name another file",
    sqlite3.SQLITE_CONSTRAINT: "takes no position below 0 and no first_needed above following: the caller is wrong",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away (a new one is created) or restore it from a copy",
}
_SHORTAGES: Final = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_DAMAGED: Final = _FATAL[sqlite3.SQLITE_CORRUPT]


class DamagedRowError(Exception):
    """A stored row does not have the form that it was written in."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what goes wrong inside into a RetryableError or FatalError about the log at `path`."""
    try:
        yield
    except VirtpulseError:
        raise
    except DamagedRowError as error:
        msg = f"the log {path} {_DAMAGED} ({error})"
        raise FatalError(msg) from error
    except sqlite3.Error as error:
        raise _explanation(path, error) from error
    except OSError as error:
        msg = f"the log {path} cannot be used: {error.strerror or error}"
        if error.errno in _SHORTAGES:
            msg = f"{msg}; free some"
            raise RetryableError(msg) from error
        msg = f"{msg}; look at the path and its permissions"
        raise FatalError(msg) from error


def _explanation(path: Path, error: sqlite3.Error) -> VirtpulseError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code == sqlite3.SQLITE_READONLY_DBMOVED:
        return FatalError(f"the log {path} was moved or removed while in use: start again")
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_CANTOPEN and _is_full(path):
        return RetryableError(f"the log {path} cannot be created, its file system is full: free space or inodes")
    if primary in _RETRY:
        return RetryableError(f"the log {path} {_RETRY[primary]} ({error})")
    if primary in _FATAL:
        return FatalError(f"the log {path} {_FATAL[primary]} ({error})")
    return FatalError(f"the log {path} cannot be used, please report this: {error}")


def _is_full(path: Path) -> bool:
    try:
        state = os.statvfs(path.parent)
    except OSError:
        return False
    return state.f_bavail == 0 or (state.f_files > 0 and state.f_favail == 0)
