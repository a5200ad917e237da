"""Configuration: TOML, environment and `--set` into typed values."""
