"""The command `virtpulse`: which commands there are, and what the process ends with.

Exit codes: 0 done, 1 it failed while running, 2 wrong usage or configuration.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError

from virtpulse import __version__
from virtpulse.config.secrets import redact
from virtpulse.errors import UsageError, VirtpulseError

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2

_COMMANDS: Final = {
    "up": "Run everything in one process: sample this machine, take windows, show them live.",
    "run": "Run one role as a process of its own.",
    "watch": "Follow a topic.",
    "publish": "Send JSON lines.",
    "sources": "Look at the inventory.",
    "positions": "Look at, or set, where each group stands in the log.",
    "check": "Read the configuration, try the transport, say what would run.",
    "schema": "Write the JSON Schemas of the messages.",
    "version": "Print the version.",
}

app = App(
    name="virtpulse",
    help="Live ratios of hosts, virtual machines and edge devices: how much is used, how well it performs, how often it fails.",
    version=__version__,
    help_format="markdown",
    help_epilogue="Start with `virtpulse up`. Each command explains itself: `virtpulse watch --help`.",
)
for _name, _help in _COMMANDS.items():
    app.command(f"virtpulse.cli.{_name}:app", name=_name, help=_help)
app.register_install_completion_command(help="Install completion for the shell that is in use.")


def run() -> None:
    """Run the command that the process was started with, and end the process."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors are said in one line on standard error."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as error:
        return _fail(f"{error} See {_help_for(error)}", WRONG_USAGE)
    except UsageError as error:
        return _fail(str(error), WRONG_USAGE)
    except VirtpulseError as error:
        return _fail(str(error), FAILED)
    except BrokenPipeError:
        _forget_output()
        return DONE
    except KeyboardInterrupt:
        return FAILED
    return result if isinstance(result, int) else DONE


def _fail(text: str, code: int) -> int:
    sys.stderr.write(f"virtpulse: {redact(text)}\n")
    return code


def _help_for(error: CycloptsError) -> str:
    return " ".join(("virtpulse", *(error.command_chain or ()), "--help"))


def _forget_output() -> None:
    """Point standard output at nothing: its reader has gone, and Python would complain when it flushes at the end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
