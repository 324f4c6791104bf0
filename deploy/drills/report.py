"""What a drill expected and what it found."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was looked at; `good` where it was found as expected."""

    name: str
    expected: str
    found: str
    good: bool


@dataclass(slots=True)
class DrillReport:
    """All steps of one drill."""

    title: str
    steps: list[Step] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return bool(self.steps) and all(step.good for step in self.steps)

    def add(self, name: str, expected: str, found: object, good: bool) -> None:
        self.steps.append(Step(name, expected, str(found), good))

    def print(self) -> None:
        table = Table("", "step", "expected", "found", title=self.title, box=None)
        for step in self.steps:
            table.add_row("ok" if step.good else "FAILED", step.name, step.expected, step.found)
        Console(width=160).print(table)
