"""Figures as a table for people."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure


def show(figures: Iterable[Figure]) -> None:
    """Print the figures on standard output; a missed target is red."""
    table = Table(title="virtpulse benchmarks")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("target", justify="right")
    table.add_column("unit")
    table.add_column("ratio to")
    for figure in figures:
        colour = "green" if figure.met else "bold red"
        value = f"[{colour}]{figure.value:.3g}[/]" if figure.value < 100 else f"[{colour}]{figure.value:.0f}[/]"
        target = "" if figure.target is None else f"{figure.target:g}"
        table.add_row(figure.name, value, target, figure.unit, figure.ratio_to or "")
    Console(width=None if Console().is_terminal else 130).print(table)
