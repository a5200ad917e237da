"""A real Alertmanager, which is told of all that fires."""
