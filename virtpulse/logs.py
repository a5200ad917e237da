"""Structured logs on standard error: for people on a terminal, JSON lines otherwise."""

import io
import json
import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal, TextIO, cast

import orjson

from virtpulse.printable import printable
from virtpulse.redaction import redact

_TRACES: Final = frozenset({"exception", "stack"})  # the values of several lines


@contextmanager
def _without_rich() -> Iterator[None]:
    """Hide rich: structlog imports it for its tracebacks wherever it is installed, which costs 10 MB and 30 ms."""
    present = {name: sys.modules.pop(name) for name in ("rich",) if name in sys.modules}
    sys.modules["rich"] = cast("Any", None)
    try:
        yield
    finally:
        del sys.modules["rich"]
        sys.modules.update(present)


with _without_rich():
    import structlog
    from structlog.dev import ConsoleRenderer, plain_traceback
    from structlog.typing import ExcInfo, FilteringBoundLogger, Processor

LogFormat = Literal["console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
Logger = FilteringBoundLogger

_LEVELS: Final[dict[LogLevel, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def get_logger(name: str) -> Logger:
    """Return the logger `name`: `log.info("event in words", key=value)`.

    It may be made at import: the format and level that `configure` sets later hold for it too.
    """
    if not structlog.is_configured():
        _configure_structlog(_renderer(None), "info")
    return cast("Logger", structlog.get_logger(name))


def configure(log_format: LogFormat | None = None, level: LogLevel = "info") -> None:
    """Set how logs are written, those of the standard library's logging included.

    Without a format: `console` if standard error is a terminal, else `json`.
    """
    renderer = _renderer(log_format)
    _configure_structlog(renderer, level)
    handler = _StderrHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_common()],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _StderrHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level] if level == "debug" else max(_LEVELS[level], logging.WARNING))  # libraries talk much at info
    logging.captureWarnings(capture=True)


def _configure_structlog(renderer: list[Processor], level: LogLevel) -> None:
    structlog.configure(
        processors=[structlog.stdlib.add_logger_name, *_common(), *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_StderrLogger,
        cache_logger_on_first_use=False,
    )


def _common() -> list[Processor]:
    return [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]


def _renderer(log_format: LogFormat | None) -> list[Processor]:
    terminal = sys.stderr is not None and sys.stderr.isatty()
    if log_format == "console" or (log_format is None and terminal):
        return [
            structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
            _printable_values,
            ConsoleRenderer(colors=terminal, exception_formatter=_printable_traceback, pad_event_to=0),
        ]
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _json,
    ]


def _printable_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write out what a terminal could obey; what is no text is shown by its `repr`, which does the same."""
    for name, value in event.items():
        if name in _TRACES and isinstance(value, str):
            event[name] = _printable_lines(value)
        elif isinstance(value, str) or name == "event":
            event[name] = printable(str(value))
    return event


def _printable_traceback(out: TextIO, exception: ExcInfo) -> None:
    traceback = io.StringIO()
    plain_traceback(traceback, exception)
    out.write(_printable_lines(traceback.getvalue()))


def _printable_lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate or a number beyond 64 bits: escaped by the slower encoder
        return json.dumps(event, default=str)


def _write(line: str) -> None:
    """Write a line to whatever standard error is now: a live view puts itself in its place while it draws."""
    with suppress(OSError, ValueError, AttributeError):  # nobody reads the logs any more: that must not stop the work
        sys.stderr.write(redact(line) + "\n")
        sys.stderr.flush()


class _StderrLogger:
    """What structlog calls with the rendered line."""

    def __init__(self, name: str = "virtpulse") -> None:
        self.name = name

    debug = info = warning = error = critical = staticmethod(_write)


class _StderrHandler(logging.Handler):
    """The same for the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            _write(self.format(record))
        except Exception:  # noqa: BLE001 logging's own rule: a record that cannot be formatted is reported, not raised
            self.handleError(record)
