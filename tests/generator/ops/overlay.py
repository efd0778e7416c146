"""A memory plan that puts the output of a one-step program over its input, as close as `Step.lead` allows."""

import numpy as np

from generator.plan import ALIGNMENT, Plan
from generator.program import Program


def overlaid(program: Program) -> Plan:
    """Output at 0, input at the lead or up to three bytes above it where its elements need that."""
    (step,) = program.steps
    (port, *others), (output,) = program.inputs, step.outputs
    element = np.dtype(port.dtype).itemsize
    offsets = {output: 0, port.buffer: -(-step.lead[step.inputs.index(port.buffer)] // element) * element}
    bytes_of = {buffer.name: buffer.bytes for buffer in program.buffers}
    end = max(offset + bytes_of[name] for name, offset in offsets.items())
    apart = (*(other.buffer for other in others), *(state.buffer for state in program.states))
    for name in (*apart, *([step.scratch] if step.scratch else [])):
        offsets[name] = -(-end // ALIGNMENT) * ALIGNMENT
        end = offsets[name] + bytes_of[name]
    return Plan(offsets, (), end, 0)
