"""`virtpulse version`."""

from cyclopts import App

from virtpulse import __version__
from virtpulse.cli.printing import put_lines

app = App(name="version")


@app.default
def version() -> None:
    """Print the version."""
    put_lines([f"virtpulse {__version__}"])
