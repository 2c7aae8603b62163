"""The charts of the course. Each function returns a `Figure` with its alt text, its table and its data."""

from f5lite.lab.charts.anatomy import anatomy
from f5lite.lab.charts.bars import bars
from f5lite.lab.charts.memory import memory_timeline
from f5lite.lab.charts.xy import lines, scatter

__all__ = ["anatomy", "bars", "lines", "memory_timeline", "scatter"]
