"""The core of virtpulse: messages, metric catalogue, configuration, transports, runtime and command line."""

__version__ = "0.1.0"
