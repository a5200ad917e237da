"""What a benchmark yields, and its wire form."""

from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and the most that it may be.

    name: what was measured. unit: of the value and the target, `x` for a ratio. target: None for what is only good to
    know. ratio_to: what a ratio's reference was, measured in the same run; None for what is no ratio.
    """

    name: str
    value: float
    unit: str
    target: float | None
    ratio_to: str | None = None

    @property
    def met(self) -> bool:
        """Whether the value is within the target, if there is one."""
        return self.target is None or self.value <= self.target

    def json(self) -> bytes:
        """Return the figure as one line of JSON."""
        return orjson.dumps(
            {
                "name": self.name,
                "value": self.value,
                "unit": self.unit,
                "ratio_to": self.ratio_to,
                "target": self.target,
                "met": self.met,
            },
            option=orjson.OPT_APPEND_NEWLINE,
        )
