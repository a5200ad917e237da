"""`virtpulse schema`."""

from pathlib import Path

import orjson
from cyclopts import App

from virtpulse.cli.printing import put_lines
from virtpulse.errors import FatalError

app = App(name="schema")


@app.default
def schema(directory: Path, /) -> None:
    """Write the JSON Schemas of the messages and print the names of the files.

    **Example**

    `virtpulse schema schemas/`

    Args:
        directory: Where to; it is made if it is missing, and files of these names are replaced.
    """
    from virtpulse.messages.schema import schemas  # noqa: PLC0415 only this command pays for it

    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, document in sorted(schemas().items()):
            path = directory / name
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            put_lines([str(path)])
    except BrokenPipeError:
        raise
    except OSError as error:
        msg = f"the schemas cannot be written to {directory}: {error.strerror or error}"
        raise FatalError(msg) from error
