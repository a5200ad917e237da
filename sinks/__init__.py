"""Sinks: one module or folder for each destination."""
