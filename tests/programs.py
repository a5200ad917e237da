"""The programs outside of Python that some tests need, and where they are."""

import shutil
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
SYNAPSE_FOLDER: Final = ROOT / ".venv-synapse" / "bin"

_DEBIAN: Final = "on Debian: apt-get install --no-install-recommends"


class Program(NamedTuple):
    """What `@pytest.mark.needs` may name: its commands, each by the names that it has, and what brings them."""

    commands: tuple[tuple[str, ...], ...]
    install: str

    def present(self) -> bool:
        """Return whether all its commands are there."""
        return all(any(shutil.which(name) for name in names) for names in self.commands)


PROGRAMS: Final = {
    "prometheus": Program((("prometheus",), ("promtool",)), f"{_DEBIAN} prometheus"),
    "alertmanager": Program((("prometheus-alertmanager", "alertmanager"), ("amtool",)), f"{_DEBIAN} prometheus-alertmanager"),
    "synapse": Program(((str(SYNAPSE_FOLDER / "synapse_homeserver"),),), "make .venv-synapse/.made"),
}


def command_of(program: str) -> str:
    """Return the path of the first command of a program that a test needs, as the marker `needs` sees to it."""
    return next(path for name in PROGRAMS[program].commands[0] if (path := shutil.which(name)))
