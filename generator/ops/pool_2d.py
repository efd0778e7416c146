"""AVERAGE_POOL_2D and MAX_POOL_2D: int8, int16, float32."""

from generator.graph import Graph, Operator
from generator.ops.linear import reject_activation
from generator.ops.lowered import Lowered, reject_unless_per_tensor
from generator.ops.window import SAME, VALID, reject_window, window_lead, window_of
from generator.program import Value
from generator.quantization import activation_range, float_activation_range

SHORT = {"int8": "s8", "int16": "s16", "float32": "f32"}
BLOCK = {"AVERAGE_POOL_2D": 4}  # int8 channels at a time


def reject(graph: Graph, operator: Operator) -> str | None:
    source, target = graph.input(operator, 0), graph.output(operator)
    if source is None:
        return "it has no input"
    for tensor, role in ((source, "input"), (target, "output")):
        if reason := reject_unless_per_tensor(tensor, role, *SHORT):
            return reason
        if tensor.dtype != source.dtype:
            return f"output is {tensor.dtype} for an input of {source.dtype}"
        if len(tensor.shape) != 4 or 0 in tensor.shape:
            return f"{role} has the shape {list(tensor.shape)}, supported are four dimensions of at least 1"
    options = operator.options
    if any(options[name] < 1 for name in ("stride_h", "stride_w", "filter_h", "filter_w")):
        return "its filter or stride is less than 1"
    if options["padding"] not in (SAME, VALID):
        return f"padding {options['padding']} is not known"
    batches, height, width, channels = source.shape
    window = window_of(operator, height, width, options["filter_h"], options["filter_w"])
    if reason := reject_window(window, height, width):
        return reason
    expected = (batches, window.output_h, window.output_w, channels)
    if target.shape != expected:
        return f"output {target} does not fit: with this window it has the shape {list(expected)}"
    return reject_activation(operator, target)


def lower(graph: Graph, operator: Operator) -> Lowered:
    source, target = graph.tensors[operator.inputs[0]], graph.output(operator)
    batches, height, width, channels = source.shape
    window = window_of(operator, height, width, operator.options["filter_h"], operator.options["filter_w"])
    activation = operator.options.get("activation", 0)
    bounds: dict[str, Value]
    if source.dtype == "float32":
        low, high = float_activation_range(activation)
        bounds = {"low_f32": low, "high_f32": high}
    else:
        assert target.quantization is not None
        minimum, maximum = activation_range(activation, target.quantization, target.dtype)
        bounds = {"activation_min": minimum, "activation_max": maximum}
    kind = operator.name.split("_")[0].lower()
    block = BLOCK.get(operator.name, 1) if source.dtype == "int8" else 1
    return Lowered(
        kernel=f"{kind}_pool_2d_{SHORT[source.dtype]}",
        header="kernels/pool_2d.h",
        struct="Pool2d",
        parameters={
            "batches": batches,
            "channels": channels,
            "input_h": height,
            "input_w": width,
            "output_h": window.output_h,
            "output_w": window.output_w,
            "filter_h": window.filter_h,
            "filter_w": window.filter_w,
            "stride_h": window.stride_h,
            "stride_w": window.stride_w,
            "pad_top": window.pad_top,
            "pad_left": window.pad_left,
            **bounds,
        },
        inputs=(source.index,),
        read_past=-channels % block,
        lead={0: window_lead(source, target, window, 1, (channels - 1) % block + 1)},
    )
