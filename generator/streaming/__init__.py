"""Streaming: a model that looks at the last T steps of a signal, computed one step at a time.

Layers that slide over time without padding and with stride 1 give the same rows for the same steps, wherever these
lie in the window. So a new step adds one row to each of their tensors and drops the oldest. What a layer reads besides
the newest row is kept in a history between inferences (operator `APPEND`, a variable tensor): the rows under its filter
or, for the first layers that are not of this kind, all of them.
"""

from generator.streaming.operators import APPEND
from generator.streaming.pixels import connect_pixels
from generator.streaming.rewrite import stream

__all__ = ["APPEND", "connect_pixels", "stream"]
