"""Models that cannot be compiled: the message names the operator, the tensor and the reason, and comes at once."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from common.errors import UserError
from generator.compile import compile_model
from models.flatbuffer import OperatorSpec, SubgraphSpec, TensorSpec, activation
from tests.generator.families import DILATIONS, FAMILIES, STRIDES, Model, image, integers, single, weights

Build = Callable[[], Model]


def tensor(family: str, number: int, **fields: object) -> Build:
    """A model of a family with one tensor changed."""

    def build() -> Model:
        model = FAMILIES[family]()
        model.tensors[number] = replace(model.tensors[number], **fields)  # type: ignore[arg-type]
        return model

    return build


def operator(family: str, number: int = 0, **fields: object) -> Build:
    def build() -> Model:
        model = FAMILIES[family]()
        model.operators[number] = replace(model.operators[number], **fields)  # type: ignore[arg-type]
        return model

    return build


def option(family: str, **options: int) -> Build:
    """A model of a family with some options of its first operator changed."""
    given = FAMILIES[family]().operators[0].options
    return operator(family, options={**given, **options})


def chain(*operators: OperatorSpec, outputs: int) -> Build:
    """Operators over int8 tensors of the same shape; tensor 0 is the input."""
    count = 1 + max(index for operator in operators for index in (*operator.inputs, *operator.outputs, outputs))
    return lambda: Model([activation(1, 4) for _ in range(count)], list(operators), [0], [outputs])


def subgraphs() -> Model:
    model = FAMILIES["variables"]()
    return replace(model, others=(replace(model.others[0], operators=[OperatorSpec("RELU", [1], [1])]),))


def repeated(name: str, count: int) -> Build:
    return chain(*(OperatorSpec(name, [number], [number + 1]) for number in range(count)), outputs=count)


BIG = 10**9
CASES: dict[str, tuple[Build, list[str]]] = {
    "dynamic shape": (
        tensor("conv", 0, shape=(-1, 4, 4, 2), name="image"),
        [
            "tensor 0 'image' of operator 0 CONV_2D",
            "the dynamic shape [-1, 4, 4, 2]",
            "convert the model with a fixed one",
        ],
    ),
    "no elements": (
        tensor("lookup", 0, shape=(0, 4)),
        ["operator 0 LOGISTIC reads tensor 0 't' int8[0, 4], which has no elements"],
    ),
    "no elements computed": (
        tensor("slice", 3, shape=(0, 3)),
        ["operator 0 SLICE writes tensor 3 't' int8[0, 3], which has no elements"],
    ),
    "custom operator": (
        chain(OperatorSpec("CUSTOM:My\nOp", [0], [1]), outputs=1),
        ["operator 0 CUSTOM:My?Op: no kernel for this operator", "reads tensor 0 't' int8[1, 4]", "writes tensor 1"],
    ),
    "unknown operator": (
        chain(OperatorSpec("HASHTABLE_FIND", [0], [1]), outputs=1),
        ["operator 0 HASHTABLE_FIND: no kernel for this operator", "writes tensor 1 't' int8[1, 4]"],
    ),
    "missing constant": (
        tensor("conv", 1, data=None),
        ["operator 0 CONV_2D reads tensor 1 'w' int8[3, 3, 3, 2], which is no constant and never computed"],
    ),
    "constant that is too short": (
        tensor("conv", 1, data=np.zeros(53, np.int8)),
        ["tensor 1 'w' of operator 0 CONV_2D has 53 values for the shape [3, 3, 3, 2] of int8"],
    ),
    "constant of half a value": (
        tensor("gather", 1, data=np.zeros(7, np.int8)),
        ["tensor 1 'k' of operator 0 GATHER has 7 bytes for the shape [2] of int32"],
    ),
    "int4 of the wrong size": (
        tensor("fully_connected", 1, dtype="int4", data=np.zeros(15, np.int8)),
        ["tensor 1 'w' of operator 0 FULLY_CONNECTED has 15 bytes for the shape [3, 5] of int4"],
    ),
    "buffer that is not there": (
        tensor("conv", 1, buffer=99),
        ["tensor 1 'w' of operator 0 CONV_2D refers to buffer 99, there are 2"],
    ),
    "buffer beyond the file": (
        tensor("conv", 1, data=None, outside=(BIG, 54)),
        ["tensor 1 'w' of operator 0 CONV_2D refers to bytes 1000000000 to 1000000054 of a file of"],
    ),
    "dangling input": (
        operator("lookup", inputs=[7]),
        ["operator 0 LOGISTIC refers to tensor 7, there are 2"],
    ),
    "dangling output": (operator("lookup", outputs=[-5]), ["operator 0 LOGISTIC refers to tensor -5, there are 2"]),
    "absent output": (operator("lookup", outputs=[-1]), ["operator 0 LOGISTIC has an absent output"]),
    "no output": (operator("lookup", outputs=[]), ["operator 0 LOGISTIC has no output"]),
    "no input": (
        operator("lookup", inputs=[]),
        ["operator 0 LOGISTIC: it has no input", "reads nothing; writes tensor 1"],
    ),
    "too many outputs": (
        chain(OperatorSpec("RELU", [0], [1, 2]), outputs=1),
        ["operator 0 RELU: it has 2 outputs, not one", "writes tensor 1 't' int8[1, 4], tensor 2 't' int8[1, 4]"],
    ),
    "cycle": (
        chain(OperatorSpec("ADD", [0, 2], [1]), OperatorSpec("RELU", [1], [2]), outputs=2),
        ["operator 0 ADD reads tensor 2 't' int8[1, 4], which is not computed yet: operator 1 RELU does"],
    ),
    "reads its own output": (
        chain(OperatorSpec("RELU", [1], [1]), outputs=1),
        ["operator 0 RELU reads tensor 1 't' int8[1, 4], which is not computed yet: operator 0 RELU does"],
    ),
    "written twice": (
        chain(OperatorSpec("RELU", [0], [1]), OperatorSpec("ABS", [0], [1]), outputs=1),
        ["operator 1 ABS writes tensor 1 't' int8[1, 4], which operator 0 RELU writes as well"],
    ),
    "writes the input": (
        chain(OperatorSpec("RELU", [0], [0]), outputs=0),
        ["operator 0 RELU writes tensor 0 't' int8[1, 4], which is the model's input"],
    ),
    "writes a constant": (
        operator("conv", outputs=[1]),
        ["operator 0 CONV_2D writes tensor 1 'w' int8[3, 3, 3, 2], which is a constant"],
    ),
    "output that nobody computes": (
        lambda: Model([activation(1, 4) for _ in range(3)], [OperatorSpec("RELU", [0], [1])], [0], [2]),
        ["no operator computes the model's output, tensor 2 't'"],
    ),
    "constant input": (
        tensor("lookup", 0, data=np.zeros(4, np.int8)),
        ["the model's input, tensor 0 't', is a constant"],
    ),
    "text input": (tensor("lookup", 0, dtype="string"), ["the model's input, tensor 0 't', is string[1, 4]"]),
    "no quantisation": (
        tensor("lookup", 0, scales=[]),
        ["operator 0 LOGISTIC: input has no quantisation", "reads tensor 0 't' int8[1, 4]"],
    ),
    "scale 0": (
        tensor("conv", 1, scales=[0.0]),
        ["tensor 1 'w' of operator 0 CONV_2D has the scale 0, which is not a positive number"],
    ),
    "scale nan": (tensor("conv", 2, scales=[np.nan]), ["tensor 2 't' of operator 0 CONV_2D has the scale nan"]),
    "scale inf": (tensor("conv", 0, scales=[np.inf]), ["tensor 0 't' of operator 0 CONV_2D has the scale inf"]),
    "tiny scale": (
        lambda: single("RELU6", activation(1, 4, scale=1e-44), activation(1, 4, scale=1e-44)),
        ["operator 0 RELU6: its scales lead to the value inf", "reads tensor 0 't'"],
    ),
    "zero points": (
        tensor("conv", 1, scales=[0.1] * 3, zero_points=[0, 0]),
        ["tensor 1 'w' of operator 0 CONV_2D has 3 scales and 2 zero points"],
    ),
    "zero point": (
        tensor("binary", 1, zero_points=[128]),
        ["tensor 1 't' of operator 0 ADD has the zero point 128, which int8 cannot hold"],
    ),
    "quantised axis": (
        tensor("conv", 1, scales=[0.1] * 3, zero_points=[], axis=1 << 20),
        ["operator 0 CONV_2D: weights are quantised along another axis than the filters", "tensor 1 'w'"],
    ),
    "number of scales": (
        tensor("slice", 0, scales=[0.1] * 2, zero_points=[]),
        ["operator 0 SLICE: tensor 0 't' has 2 scales along axis 0 of int8[3, 4]"],
    ),
    "negative quantised axis": (
        tensor("slice", 0, scales=[0.1] * 4, zero_points=[], axis=-1),
        ["operator 0 SLICE: tensor 0 't' has 4 scales along axis -1 of int8[3, 4]"],
    ),
    "sparse": (
        tensor("conv", 1, sparse=True),
        ["tensor 1 'w' of operator 0 CONV_2D is sparse, which is not supported"],
    ),
    "float16": (
        tensor("binary", 0, dtype="float16"),
        ["operator 0 ADD: first input is float16", "reads tensor 0 't' float16[1, 4, 4, 2]"],
    ),
    "int4": (
        tensor("network", 6, dtype="int4"),
        ["operator 2 CONV_2D: output is int4 for an input of int8", "writes tensor 6 't' int4[1, 4, 4, 3]"],
    ),
    "int4 output": (tensor("lookup", 1, dtype="int4"), ["the model's output, tensor 1 't', is int4[1, 4]"]),
    "2^31 elements": (
        tensor("lookup", 1, shape=(1 << 16, 1 << 15)),
        ["tensor 1 't' of operator 0 LOGISTIC is int8[65536, 32768], 2,147,483,648 bytes"],
    ),
    "many dimensions": (
        tensor("lookup", 1, shape=(1,) * 17),
        ["tensor 1 't' of operator 0 LOGISTIC has 17 dimensions, supported are at most 16"],
    ),
    "many operators": (repeated("RELU", 5000), ["it has 5,000 operators, supported are at most 4,096"]),
    "many refused": (repeated("UNIQUE", 4000), ["operator 49 UNIQUE", "and 3950 more"]),
    "many at once": (
        lambda: Model(
            [activation(600, 4), *(activation(4) for _ in range(600))],
            [OperatorSpec("UNPACK", [0], list(range(1, 601)), options={"axis": 0, "num": 600})],
            [0],
            list(range(1, 601)),
        ),
        ["601 tensors are needed at once at operator 0 UNPACK, supported are at most 512"],
    ),
    "many filters": (
        lambda: single(
            "DEPTHWISE_CONV_2D", image(1 << 17), image(1 << 17), weights(1, 1, 1, 1 << 17), **STRIDES, **DILATIONS
        ),
        ["operator 0 DEPTHWISE_CONV_2D: it has 131,072 filters, supported are at most 65,536"],
    ),
    "wide tables": (
        tensor("resize", 1, data=np.array([1 << 17, 6], np.int32)),
        ["operator 0 RESIZE_BILINEAR: output int8[1, 8, 6, 2] does not fit"],
    ),
    "many operands": (
        operator("concatenation", inputs=[0] * 70_000),
        ["its first 1 operators have 70,001 inputs and outputs"],
    ),
    "many copies": (
        operator("concatenation", inputs=[0] * 9000),
        ["operator 0 CONCATENATION: its inputs have 18000 elements along axis 1", "tensor 0 't' int8[1, 2, 2], ..."],
    ),
    "stride 0": (
        option("conv", stride_h=0),
        ["operator 0 CONV_2D: stride_h is 0", "reads tensor 0 't' int8[1, 4, 4, 2]"],
    ),
    "pool stride": (option("pool", stride_w=-1), ["operator 0 AVERAGE_POOL_2D: its filter or stride is less than 1"]),
    "pool filter": (
        option("pool", filter_h=BIG, padding=1),
        ["its filter reaches over 1000000000 elements along an axis of 4"],
    ),
    "unknown padding": (option("pool", padding=5), ["operator 0 AVERAGE_POOL_2D: padding 5 is not known"]),
    "filter larger than the input": (
        option("conv", padding=1, dilation_h=2),
        ["operator 0 CONV_2D: its filter reaches over 5 elements along an axis of 4", "tensor 1 'w' int8[3, 3, 3, 2]"],
    ),
    "dilation": (option("conv", dilation_w=BIG), ["operator 0 CONV_2D", "its filter's reach of 2000000001 elements"]),
    "unknown activation": (option("conv", activation=-3), ["operator 0 CONV_2D: fused activation -3 is not supported"]),
    "reshape": (
        lambda: single("RESHAPE", activation(2, 3), activation(2, 4), integers([2, 4])),
        ["operator 0 RESHAPE: it turns int8[2, 3] into int8[2, 4]", "reads tensor 0 't'"],
    ),
    "axis": (option("concatenation", axis=3), ["operator 0 CONCATENATION: there is no axis 3 in 3 dimensions"]),
    "axis of a reduction": (
        tensor("mean", 1, data=np.array([1, -5], np.int32)),
        ["operator 0 MEAN: there is no axis [-5, 1] in 4 dimensions", "tensor 1 'k' int32[2]"],
    ),
    "axis that is no integer": (
        tensor("argument", 1, dtype="float32", data=np.array([np.nan], np.float32)),
        ["operator 0 ARG_MAX: its axis is not a constant number"],
    ),
    "slice beyond the end": (
        tensor("slice", 2, data=np.array([3, 3], np.int32)),
        ["operator 0 SLICE: it takes 3 elements from 1 on along an axis of 3"],
    ),
    "slice of other dimensions": (
        lambda: single("SLICE", activation(3, 4), activation(2, 3), integers([1]), integers([2, 3])),
        ["operator 0 SLICE: its begin has 1 values, not 2"],
    ),
    "stride of a slice": (
        tensor("strided_slice", 3, data=np.array([0, 1], np.int32)),
        ["operator 0 STRIDED_SLICE: slice step cannot be zero"],
    ),
    "gather": (
        tensor("gather", 1, data=np.array([0, 5], np.int32)),
        ["operator 0 GATHER: its indices reach beyond the 5 elements of axis 0", "tensor 1 'k' int32[2]"],
    ),
    "permutation": (
        tensor("transpose", 1, data=np.array([0, 0, 7], np.int32)),
        ["operator 0 TRANSPOSE: there is no axis 7 in 3 dimensions"],
    ),
    "paddings": (
        tensor("pad", 1, data=np.array([[1, 1], [0, -2]], np.int32)),
        ["operator 0 PAD: its paddings are [1, 1, 0, -2]"],
    ),
    "huge padding": (
        tensor("pad", 1, data=np.array([[BIG, BIG], [0, 0]], np.int32)),
        ["operator 0 PAD: its output int8[4, 5] does not fit: it is [2000000002, 3]"],
    ),
    "huge fill": (
        lambda: single("FILL", integers([1 << 20, 1 << 10]), TensorSpec((1 << 20, 1 << 10), "int32"), integers([7])),
        ["tensor 2 't' of operator 0 FILL is int32[1048576, 1024], 4,294,967,296 bytes"],
    ),
    "huge broadcast": (
        tensor("broadcast", 2, shape=(1 << 30, 4)),
        ["tensor 2 't' of operator 0 BROADCAST_TO is int8[1073741824, 4]"],
    ),
    "broadcast": (
        tensor("broadcast", 2, shape=(3, 5)),
        ["operator 0 BROADCAST_TO: int8[1, 4] cannot be broadcast to int8[3, 5]"],
    ),
    "huge blocks": (
        tensor("batches", 1, data=np.array([BIG, BIG], np.int32)),
        ["operator 0 SPACE_TO_BATCH_ND: block shape [1000000000, 1000000000] is not supported"],
    ),
    "types of a concatenation": (
        tensor("concatenation", 1, dtype="int16"),
        ["operator 0 CONCATENATION: it turns int16[1, 3, 2] into int8[1, 5, 2]"],
    ),
    "no subgraph": (
        operator("variables", options={"init_subgraph": 9}),
        ["operator 0 CALL_ONCE: there is no subgraph 9"],
    ),
    "initialiser": (subgraphs, ["subgraph 1 does more than assign constants to variables: operator 0 RELU"]),
    "no handle": (
        operator("variables", 2, inputs=[0]),
        ["operator 2 READ_VARIABLE: its handle is not made by a VAR_HANDLE"],
    ),
    "operands of a variable": (
        operator("variables", 4, inputs=[1]),
        ["operator 4 ASSIGN_VARIABLE has 1 inputs and 0 outputs"],
    ),
    "written variable": (
        tensor("lookup", 1, variable=True),
        ["operator 0 LOGISTIC writes tensor 1 't' int8[1, 4], which is a variable"],
    ),
    "no model input": (lambda: replace(FAMILIES["lookup"](), inputs=[]), ["the model has no input or no output"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_message_says_what_is_wrong_and_where(name: str) -> None:
    build, words = CASES[name]
    with pytest.raises(UserError) as caught:
        compile_model(build().build(), "m.tflite")
    assert str(caught.value).startswith("m.tflite")
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, str(caught.value)


def test_a_signature_with_changing_dimensions_does_not_matter_where_the_shape_is_fixed() -> None:
    model = tensor("conv", 0, signature=(-1, 4, 4, 2))()
    assert compile_model(model.build(), "m").program.inputs[0].shape == (1, 4, 4, 2)


def test_constants_behind_the_flatbuffer_are_read() -> None:
    model = FAMILIES["conv"]()
    usual = model.build()
    data = np.asarray(model.tensors[1].data).tobytes()
    model.tensors[1] = replace(model.tensors[1], data=None, outside=(BIG, len(data)))
    start = len(model.build())
    model.tensors[1] = replace(model.tensors[1], outside=(start, len(data)))
    moved = compile_model(model.build() + data, "m").program
    for ours, theirs in zip(moved.constants, compile_model(usual, "m").program.constants, strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)


def test_subgraphs_that_nothing_calls_may_be_of_any_kind() -> None:
    other = SubgraphSpec([activation(-1, 4), activation(0, 4)], [OperatorSpec("UNIQUE", [0], [9])], [0], [1])
    model = replace(FAMILIES["lookup"](), others=(other,))
    assert len(compile_model(model.build(), "m").program.steps) == 1


def test_tensors_that_nothing_uses_may_be_of_any_kind() -> None:
    model = FAMILIES["lookup"]()
    model.tensors.append(activation(-1, BIG))
    assert len(compile_model(model.build(), "m").program.buffers) == 2
