"""The console: a live table on a terminal, JSON lines when piped, lines of text where asked for."""

from sinks.console.settings import ConsoleSettings
from sinks.console.sink import ConsoleSink, kind

__all__ = ["ConsoleSettings", "ConsoleSink", "kind"]
