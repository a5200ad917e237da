"""The command `virtpulse`: which commands there are, and what the process ends with.

Exit codes: 0 done, 1 it failed while running, 2 wrong usage or configuration.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, Parameter

from virtpulse import __version__
from virtpulse.errors import UsageError, VirtpulseError
from virtpulse.printable import printable
from virtpulse.redaction import redact

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2

_COMMANDS: Final = ("up", "run", "watch", "publish", "alerts", "silence", "sources", "positions", "check", "schema", "version")
_HELP: Final = """Live ratios of machines: how much of each resource is in use, how well it performs, how often it fails.

Start with `virtpulse up`. Each command explains itself, with examples: `virtpulse watch --help`.
"""

app = App(
    name="virtpulse",
    help=_HELP,
    version=f"virtpulse {__version__}",
    help_format="markdown",
    default_parameter=Parameter(show_default=False, negative=()),
)
for _place, _name in enumerate(_COMMANDS):
    app.command(f"virtpulse.cli.{_name}:app", name=_name, sort_key=_place)
app.register_install_completion_command(help="Install completion for the shell that is in use.", sort_key=len(_COMMANDS))


def run() -> None:
    """Run the command that the process was started with, and end the process."""
    _fill_closed_streams()
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; errors become one line on standard error."""
    try:
        if not arguments or arguments[0] in app.help_flags:
            app.resolved_commands()  # else a command that is not imported yet has no line in the list
        result = app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return DONE
    except (CycloptsError, VirtpulseError, OSError, KeyboardInterrupt) as error:
        return _fail(error)
    return result if isinstance(result, int) else DONE


def _fail(error: BaseException) -> int:
    """Print what went wrong and return the exit code for it."""
    code, text = FAILED, str(error) or "interrupted"
    match error:
        case CycloptsError():
            code, text = WRONG_USAGE, f"{error} See {_help_for(error)}"
        case UsageError():
            code = WRONG_USAGE
    _end_output()
    sys.stderr.write(f"virtpulse: {printable(redact(text))}\n")
    return code


def _help_for(error: CycloptsError) -> str:
    return " ".join(("virtpulse", *(error.command_chain or ()), "--help"))


def _end_output() -> None:
    """Write out what is buffered; where that fails, drop it: failing again at the very end would change the exit code."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_output()


def _forget_output() -> None:
    """Point standard output at nothing: Python would complain when it flushes what nobody takes."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)


def _fill_closed_streams() -> None:
    """Give a process that was started without standard streams empty ones, lest the log's file get their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
