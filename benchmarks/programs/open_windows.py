"""A process that holds a window open for each of so many sources, and prints its largest resident memory in MiB."""

import sys

from benchmarks.fleet import BEGIN
from benchmarks.messages import batches, sample
from benchmarks.processes import peak_memory
from processors.windows.engine import Engine
from processors.windows.settings import WindowsSettings


def main(sources: int) -> None:
    """Let every source send two samples of one window."""
    size = WindowsSettings().batch
    engine = Engine(WindowsSettings(), 0)
    for second in range(2):
        for start in range(0, sources, size):  # made as they are needed, so that the messages weigh nothing
            messages = [sample(number, BEGIN + second) for number in range(start, min(start + size, sources))]
            (batch,) = batches(messages, size, second * sources + start, BEGIN + second)
            engine.take(batch, BEGIN + second, BEGIN + second)
    print(peak_memory("self"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
