"""`python -m virtpulse`."""

from virtpulse.cli.main import run

if __name__ == "__main__":
    run()
