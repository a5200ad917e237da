"""Processors: they turn streams of samples into ratios, and ratios into what to do."""
