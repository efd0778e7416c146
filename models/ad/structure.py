"""The architecture of the benchmark's anomaly detection model, and whether a model has it."""

from itertools import pairwise

from common.errors import UserError
from generator.graph import Graph, Operator, Tensor
from models.ad.network import HIDDEN, INPUTS

WIDTHS = (INPUTS, *HIDDEN, INPUTS)
LAYERS = len(WIDTHS) - 1
MACS = sum(inputs * outputs for inputs, outputs in pairwise(WIDTHS))  # of one inference
PARAMETERS = MACS + sum(WIDTHS[1:])
NONE, RELU = 0, 1  # fused activations of the TFLite schema


def check(graph: Graph) -> None:
    """Ten int8 FULLY_CONNECTED layers of the benchmark's widths in one chain, ReLU on all but the last, nothing else.

    Raises:
        UserError: the model is another one; the message says how.
    """
    names = [operator.name for operator in graph.operators]
    if names != ["FULLY_CONNECTED"] * LAYERS:
        raise UserError(
            f"an ad model has {LAYERS} FULLY_CONNECTED operators; this one has {', '.join(names) or 'none'}"
        )
    chain = [*graph.inputs, *(operator.outputs[0] for operator in graph.operators)]
    if [operator.inputs[0] for operator in graph.operators] != chain[:-1] or list(graph.outputs) != chain[-1:]:
        raise UserError("the layers of an ad model form one chain from input to output; those of this one do not")
    for operator in graph.operators:
        _check_layer(graph, operator)


def _check_layer(graph: Graph, operator: Operator) -> None:
    inputs, outputs = WIDTHS[operator.index : operator.index + 2]
    where = f"ad model, layer {operator.index}"
    source, weights, bias = (graph.input(operator, position) for position in range(3))
    for tensor, shape, dtype, what in (
        (source, (1, inputs), "int8", "input"),
        (weights, (outputs, inputs), "int8", "weights"),
        (bias, (outputs,), "int32", "bias"),
        (graph.output(operator), (1, outputs), "int8", "output"),
    ):
        _expect(tensor, shape, dtype, f"{where}, {what}")
    wanted = NONE if operator.index == LAYERS - 1 else RELU
    if operator.options.get("activation") != wanted:
        raise UserError(f"{where}: activation {operator.options.get('activation')}, expected {wanted}")


def _expect(tensor: Tensor | None, shape: tuple[int, ...], dtype: str, where: str) -> None:
    if tensor is None or (tensor.shape, tensor.dtype) != (shape, dtype) or tensor.quantization is None:
        raise UserError(f"{where}: {tensor or 'absent'}, expected quantised {dtype}{list(shape)}")
