"""Producers: one module or folder for each source of measurements."""
