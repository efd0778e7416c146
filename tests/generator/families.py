"""One small model of each family of operators, all of which compile; as specifications, to be changed and built."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.flatbuffer import OperatorSpec, SubgraphSpec, TensorSpec, activation, build_model

HANDLE = {"shared_name": "state", "container": ""}
STRIDES = {"padding": 0, "stride_h": 1, "stride_w": 1}
DILATIONS = {"dilation_h": 1, "dilation_w": 1}
FILTER = {"filter_h": 2, "filter_w": 2}
MASKS = {f"{name}_mask": 0 for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
IMAGE = (1, 4, 4, 2)


@dataclass
class Model:
    tensors: list[TensorSpec]
    operators: list[OperatorSpec]
    inputs: list[int]
    outputs: list[int]
    others: tuple[SubgraphSpec, ...] = ()

    def build(self) -> bytes:
        return build_model(self.tensors, self.operators, self.inputs, self.outputs, self.others)


def integers(values: Any) -> TensorSpec:
    array = np.array(values, np.int32)
    return TensorSpec(array.shape, "int32", data=array, name="k")


def weights(*shape: int) -> TensorSpec:
    data = np.resize(np.arange(-7, 8, dtype=np.int8), shape)
    return TensorSpec(shape, scales=[0.1], data=data, name="w")


def single(
    name: str, source: TensorSpec, target: TensorSpec, *constants: TensorSpec, before: int = 0, **options: Any
) -> Model:
    """One operator from ``source`` to ``target``, with ``before`` of its constants in front of the source."""
    tensors = [*constants[:before], source, *constants[before:], target]
    inputs = list(range(len(tensors) - 1))
    operator = OperatorSpec(name, inputs, [len(tensors) - 1], options.pop("activation", 0), options)
    return Model(tensors, [operator], [before], [len(tensors) - 1])


def two_outputs(name: str, *constants: TensorSpec, before: int = 0, output: tuple[int, ...], **options: Any) -> Model:
    tensors = [*constants[:before], activation(2, 4), *constants[before:], activation(*output), activation(*output)]
    last = len(tensors) - 1
    operator = OperatorSpec(name, list(range(last - 1)), [last - 1, last], options=options)
    return Model(tensors, [operator], [before], [last - 1, last])


def combined(name: str, *shapes: tuple[int, ...], output: tuple[int, ...], **options: Any) -> Model:
    tensors = [*(activation(*shape) for shape in shapes), activation(*output)]
    count = len(shapes)
    operator = OperatorSpec(name, list(range(count)), [count], options=options)
    return Model(tensors, [operator], list(range(count)), [count])


def network() -> Model:
    """Pad, convolution, activation, pool, layer, softmax: what the graph passes work on."""
    tensors = [
        TensorSpec(IMAGE, "float32", name="input"),
        activation(*IMAGE),
        integers([[0, 0], [1, 1], [1, 1], [0, 0]]),
        activation(1, 6, 6, 2),
        weights(3, 3, 3, 2),
        TensorSpec((3,), "int32", scales=[0.1], data=np.array([9, -2000, 50], np.int32), name="bias"),
        activation(1, 4, 4, 3),
        activation(1, 4, 4, 3),
        activation(1, 2, 2, 3),
        weights(4, 12),
        activation(1, 4),
        activation(1, 4, scale=1 / 256, zero_point=-128),
    ]
    valid = {**STRIDES, **DILATIONS, "padding": 1}
    operators = [
        OperatorSpec("QUANTIZE", [0], [1]),
        OperatorSpec("PAD", [1, 2], [3]),
        OperatorSpec("CONV_2D", [3, 4, 5], [6], options=valid),
        OperatorSpec("RELU", [6], [7]),
        OperatorSpec("MAX_POOL_2D", [7], [8], options={"padding": 1, "stride_h": 2, "stride_w": 2, **FILTER}),
        OperatorSpec("FULLY_CONNECTED", [8, 9, -1], [10]),
        OperatorSpec("SOFTMAX", [10], [11], options={"beta": 1.0}),
    ]
    return Model(tensors, operators, [0], [11])


def variables() -> Model:
    tensors = [activation(1, 4), TensorSpec((1,), "resource"), activation(1, 4), activation(1, 4)]
    operators = [
        OperatorSpec("CALL_ONCE", [], [], options={"init_subgraph": 1}),
        OperatorSpec("VAR_HANDLE", [], [1], options=HANDLE),
        OperatorSpec("READ_VARIABLE", [1], [2]),
        OperatorSpec("ADD", [0, 2], [3]),
        OperatorSpec("ASSIGN_VARIABLE", [1, 0], []),
    ]
    initial = [TensorSpec((1,), "resource"), TensorSpec((1, 4), scales=[1.0], data=np.array([[1, 2, 3, 4]], np.int8))]
    assign = [OperatorSpec("VAR_HANDLE", [], [0], options=HANDLE), OperatorSpec("ASSIGN_VARIABLE", [0, 1], [])]
    return Model(tensors, operators, [0], [3], (SubgraphSpec(initial, assign),))


def folded() -> Model:
    """A shape computed from constants, as converters leave it."""
    tensors = [
        activation(2, 4),
        TensorSpec((2,), "int32"),
        integers([1, 2]),
        TensorSpec((2,), "int32"),
        activation(2, 4),
        activation(2, 4),
    ]
    operators = [
        OperatorSpec("SHAPE", [0], [1], options={"out_type": 2}),
        OperatorSpec("MUL", [1, 2], [3]),
        OperatorSpec("RESHAPE", [0, 3], [4]),
        OperatorSpec("TANH", [4], [5]),
    ]
    return Model(tensors, operators, [0], [5])


def dequantized() -> Model:
    tensors = [activation(1, 4), TensorSpec((1, 4), "float32"), TensorSpec((1, 4), "float32")]
    operators = [OperatorSpec("DEQUANTIZE", [0], [1]), OperatorSpec("EXP", [1], [2])]
    return Model(tensors, operators, [0], [2])


def image(channels: int = 2) -> TensorSpec:
    return activation(1, 4, 4, channels)


FAMILIES: dict[str, Callable[[], Model]] = {
    "argument": lambda: single("ARG_MAX", activation(2, 4), TensorSpec((2,), "int32"), integers([1])),
    "batches": lambda: single(
        "SPACE_TO_BATCH_ND", image(), activation(4, 2, 2, 2), integers([2, 2]), integers([[0, 0], [0, 0]])
    ),
    "binary": lambda: combined("ADD", (1, 4, 4, 2), (1, 1, 1, 2), output=(1, 4, 4, 2)),
    "broadcast": lambda: single("BROADCAST_TO", activation(1, 4), activation(3, 4), integers([3, 4])),
    "concatenation": lambda: combined("CONCATENATION", (1, 2, 2), (1, 3, 2), output=(1, 5, 2), axis=1),
    "conv": lambda: single("CONV_2D", image(), image(3), weights(3, 3, 3, 2), **STRIDES, **DILATIONS),
    "depth": lambda: single("DEPTH_TO_SPACE", activation(1, 2, 2, 8), activation(1, 4, 4, 2), block_size=2),
    "depthwise": lambda: single(
        "DEPTHWISE_CONV_2D", image(), image(), weights(1, 3, 3, 2), **STRIDES, **DILATIONS, depth_multiplier=1
    ),
    "dequantize": dequantized,
    "folded": folded,
    "fully_connected": lambda: single("FULLY_CONNECTED", activation(2, 5), activation(2, 3), weights(3, 5)),
    "gather": lambda: single("GATHER", activation(5, 3), activation(2, 3), integers([4, 0]), axis=0, batch_dims=0),
    "lookup": lambda: single("LOGISTIC", activation(1, 4), activation(1, 4, scale=1 / 256, zero_point=-128)),
    "mean": lambda: single("MEAN", image(), activation(1, 2), integers([1, 2]), keep_dims=False),
    "network": network,
    "pack": lambda: combined("PACK", (3,), (3,), output=(2, 3), axis=0, values_count=2),
    "pad": lambda: single("PAD", activation(2, 3), activation(4, 5), integers([[1, 1], [0, 2]])),
    "pool": lambda: single("AVERAGE_POOL_2D", image(), image(), **STRIDES, **FILTER),
    "resize": lambda: single("RESIZE_BILINEAR", image(), activation(1, 8, 6, 2), integers([8, 6])),
    "reverse": lambda: single("REVERSE_V2", activation(2, 3), activation(2, 3), integers([1])),
    "slice": lambda: single("SLICE", activation(3, 4), activation(2, 3), integers([1, 0]), integers([2, 3])),
    "softmax": lambda: single("SOFTMAX", activation(1, 4), activation(1, 4, scale=1 / 256, zero_point=-128), beta=1.0),
    "split": lambda: two_outputs("SPLIT", integers(1), before=1, output=(2, 2), num_splits=2),
    "split_v": lambda: two_outputs("SPLIT_V", integers([1, 1]), integers(0), output=(1, 4), num_splits=2),
    "strided_slice": lambda: single(
        "STRIDED_SLICE",
        activation(4, 4),
        activation(2, 4),
        integers([0, 0]),
        integers([4, 4]),
        integers([2, 1]),
        **MASKS,
    ),
    "transpose": lambda: single("TRANSPOSE", activation(2, 3, 4), activation(4, 2, 3), integers([2, 0, 1])),
    "unpack": lambda: two_outputs("UNPACK", output=(4,), axis=0, num=2),
    "variables": variables,
}
