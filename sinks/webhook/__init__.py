"""Alertmanager's webhook, for whatever takes that."""
