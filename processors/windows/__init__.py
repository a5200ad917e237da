"""Event-time windows: streams of samples become one pair of sums for each metric, source, view and window."""
