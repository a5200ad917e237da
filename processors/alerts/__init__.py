"""Alerts: rules that judge aggregates, samples and silence, and what is remembered of the alerts they raise."""
