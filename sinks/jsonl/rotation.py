"""One topic's files: which one is written to, when the next is begun, which ones go."""

from collections.abc import Iterable, Iterator, Sequence

from sinks.jsonl.linefile import LineFile, TakenError
from sinks.jsonl.settings import FileNames, JsonlSettings
from virtpulse.clock import Clock

_TICK = 1e-6  # seconds; the finest time that a name can tell


class RotatingFiles:
    """Appends lines to the newest file and begins another when it is full or old. Everything here may block."""

    def __init__(self, settings: JsonlSettings, topic: str, clock: Clock) -> None:
        self._settings = settings
        self._names = FileNames(settings, topic)
        self._clock = clock
        self._file: LineFile | None = None

    def open(self) -> None:
        """Go on with the newest file, or begin the first one. Raises OSError."""
        self._names.folder.mkdir(parents=True, exist_ok=True)
        existing = self._names.existing()
        if existing:
            try:
                self._file = LineFile.resume(existing[-1])
            except TakenError:
                self._begin()
        else:
            self._begin()

    def append(self, lines: Sequence[bytes]) -> None:
        """Store the lines durably, each with a line end. Raises OSError.

        After an error none of the lines that were meant for the file in use is in it; those that went to files
        before it, of a batch larger than a file, are.
        """
        if self._file is None:
            self.open()
        for chunk in self._chunks(lines):
            self._rotate_for(len(chunk))
            self._append(chunk)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, chunk: bytes) -> None:
        if self._file is None:
            self.open()
        if self._file is not None:
            try:
                self._file.append(chunk)
            except OSError:
                self.close()  # the next call opens it again, and looks where its last whole line ends
                raise

    def _chunks(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines in pieces that fit a file; a line that is larger than a file is a piece by itself."""
        room = self._settings.max_bytes - (self._file.size if self._file is not None else 0)
        chunk: list[bytes] = []
        for line in lines:
            room -= len(line) + 1
            if room < 0:
                if chunk:
                    yield b"\n".join(chunk) + b"\n"
                chunk = []
                room = self._settings.max_bytes - len(line) - 1
            chunk.append(line)
        if chunk:
            yield b"\n".join(chunk) + b"\n"

    def _rotate_for(self, size: int) -> None:
        file = self._file
        if file is None or not file.size:
            return
        age = self._clock.time() - self._names.begun(file.path)
        if file.size + size > self._settings.max_bytes or age >= self._settings.max_age:
            self._begin()
            file.close()
            self._remove_old()

    def _begin(self) -> None:
        """Begin a file whose name sorts behind all others, even if the clock was set back."""
        existing = self._names.existing()
        moment = self._clock.time()
        if existing:
            moment = max(moment, self._names.begun(existing[-1]) + _TICK)
        while True:
            try:
                self._file = LineFile.create(self._names.at(moment))
            except FileExistsError:
                moment += _TICK
            else:
                return

    def _remove_old(self) -> None:
        if self._settings.keep:
            for path in self._names.existing()[: -self._settings.keep]:
                path.unlink(missing_ok=True)
