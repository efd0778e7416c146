"""The operators of a model, as calls of TensorFlow Lite Micro's ``MicroMutableOpResolver``."""

import re
from pathlib import Path
from typing import Any

import tflite

from common.errors import UserError
from generator.importer import DAMAGE, OPERATOR_NAMES, operator_name
from generator.wellformed import MOST_OPERANDS

RESOLVER = "tensorflow/lite/micro/micro_mutable_op_resolver.h"
METHOD = re.compile(r"\bTfLiteStatus\s+(Add\w+)\s*\(")
# Where the method is not the operator's name in camel case.
SPELLINGS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}


def registrations(content: bytes, name: str) -> tuple[str, ...]:
    """The resolver's methods for the operators that any subgraph of a model uses, each once, in order of the alphabet.

    ``name`` is for messages.

    Raises:
        UserError: the model is damaged, or has operators that are not TensorFlow Lite's own.
    """
    try:
        names = _names(tflite.Model.GetRootAsModel(content, 0))
    except DAMAGE as error:
        raise UserError(f"{name} is truncated or damaged: {error}; copy or convert the model again") from error
    unknown = sorted(operator for operator in names if operator not in OPERATOR_NAMES.values())
    if unknown:
        raise UserError(f"{name}: runtime tflm has no operators but TensorFlow Lite's own, not {', '.join(unknown)}")
    return tuple(sorted(method(operator) for operator in names))


def _names(model: Any) -> set[str]:
    used = set()
    for number in range(model.SubgraphsLength()):
        subgraph = model.Subgraphs(number)
        if subgraph.OperatorsLength() > MOST_OPERANDS:
            raise ValueError(f"{subgraph.OperatorsLength()} operators")
        used |= {subgraph.Operators(index).OpcodeIndex() for index in range(subgraph.OperatorsLength())}
    codes = [model.OperatorCodes(index) for index in sorted(used) if index < model.OperatorCodesLength()]
    if len(codes) < len(used):
        raise ValueError(f"there are {model.OperatorCodesLength()} operator codes")
    return {operator_name(code) for code in codes}


def method(operator: str) -> str:
    """``CONV_2D`` -> ``AddConv2D``."""
    words = (word.upper() if word[:1].isdigit() else word.capitalize() for word in operator.split("_"))
    return SPELLINGS.get(operator) or "Add" + "".join(words)


def check_operators(methods: tuple[str, ...], root: Path, name: str) -> None:
    """Refuse a model ``name`` with operators that the library below ``root`` cannot register.

    Raises:
        UserError: with all of them.
    """
    known = set(METHOD.findall((root / RESOLVER).read_text(encoding="utf-8", errors="replace")))
    if missing := [method for method in methods if method not in known]:
        raise UserError(
            f"{name}: this TensorFlow Lite Micro has no {', '.join(missing)} in {root / RESOLVER};"
            " take a newer library, or build without --runtime tflm"
        )
