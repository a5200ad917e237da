"""Transactions that end, whatever happens inside."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the log's only write transaction; stored durably when the block is left, or not at all."""
    with _transaction(connection, "BEGIN IMMEDIATE"):
        yield


@contextmanager
def writing_lightly(connection: sqlite3.Connection) -> Iterator[None]:
    """Do the same without waiting for the disk, for what need not outlive a power cut."""
    connection.execute("PRAGMA synchronous = NORMAL")
    try:
        with _transaction(connection, "BEGIN IMMEDIATE"):
            yield
    finally:
        connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Read the log as it is at the first look."""
    with _transaction(connection, "BEGIN"):
        yield


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
