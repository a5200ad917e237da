"""Notifying: who is to be told of which alerts, when, and once."""
