"""Raw memory and calls through function pointers, which numba itself does not offer to cached functions."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT32, INT64 = ir.IntType(32), ir.IntType(64)


def _call(builder: Any, function: Any, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)


@intrinsic  # type: ignore[untyped-decorator]
def call2(_: Any, function: Any, first: Any, second: Any) -> Any:
    """``int64 f(int64, int64)``."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return _call(builder, arguments[0], INT64, list(arguments[1:]))

    return types.int64(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call3(_: Any, function: Any, first: Any, second: Any, third: Any) -> Any:
    """``int64 f(int64, int64, int64)``."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return _call(builder, arguments[0], INT64, list(arguments[1:]))

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call_region(_: Any, function: Any, state: Any, entry: Any) -> Any:
    """``void f(int64 *state, int32 entry)``, with the array of the state."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[1])(context, builder, arguments[1])
        _call(builder, arguments[0], ir.VoidType(), [view.data, builder.trunc(arguments[2], INT32)])
        return context.get_dummy_value()

    return types.void(types.int64, state, types.int64), generate


def _width(size: Any) -> Any:
    return ir.IntType(8 * size.literal_value)


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def load_raw(_: Any, address: Any, size: Any) -> Any:
    """The unsigned value of ``size`` (a constant: 1, 2 or 4) bytes at a host address."""
    if not isinstance(size, types.IntegerLiteral):
        return None

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _width(size).as_pointer())
        return builder.zext(builder.load(pointer, align=1), INT64)

    return types.int64(types.int64, size), generate


@intrinsic(prefer_literal=True)  # type: ignore[untyped-decorator]
def store_raw(_: Any, address: Any, size: Any, value: Any) -> Any:
    """Write the low ``size`` (a constant: 1, 2 or 4) bytes of ``value`` to a host address."""
    if not isinstance(size, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, __: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], _width(size).as_pointer())
        value = arguments[2]
        if _width(size).width < 64:
            value = builder.trunc(value, _width(size))
        builder.store(value, pointer, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, size, types.int64), generate
