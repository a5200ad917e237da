"""Files of JSON lines that rotate by size and age."""

from sinks.jsonl.settings import JsonlSettings
from sinks.jsonl.sink import JsonlSink, kind

__all__ = ["JsonlSettings", "JsonlSink", "kind"]
