"""Reading /proc: below `psutil.PROCFS_PATH`, so that psutil and we always look at the same machine."""

import psutil


class Proc:
    """The files of /proc, each read once a look however many subsystems ask for it."""

    def __init__(self) -> None:
        self._read: dict[str, bytes] = {}

    def begin(self) -> None:
        """Start a look: forget what was read for the one before."""
        self._read.clear()

    def read(self, name: str) -> bytes:
        """Return the content of /proc/`name`. Raises OSError."""
        content = self._read.get(name)
        if content is None:
            with open(f"{psutil.PROCFS_PATH}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 half the cost of Path.open
                content = file.readall()
            self._read[name] = content
        return content

    def number(self, name: str, label: bytes) -> int:
        """Return the first number behind `label` at the beginning of a line of /proc/`name`. Raises OSError, LookupError."""
        content = b"\n" + self.read(name)
        at = content.find(b"\n" + label)
        if at < 0:
            msg = f"{psutil.PROCFS_PATH}/{name} has no line {label.decode().strip()}"
            raise LookupError(msg)
        start = at + 1 + len(label)
        return int(content[start : start + 40].split(None, 1)[0])
