"""Calls through function pointers from numba code, which numba itself does not offer for cached functions."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

INT32, INT64, POINTER = ir.IntType(32), ir.IntType(64), ir.IntType(64).as_pointer()


@intrinsic  # type: ignore[untyped-decorator]
def call1(_: Any, function: Any, handle: Any) -> Any:
    """``int32 f(void *handle)``."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(INT32, [INT64])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), [arguments[1]])

    return types.int32(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call3(_: Any, function: Any, handle: Any, number: Any, place: Any, array: Any) -> Any:
    """``int32 f(void *handle, int32 number, int64 *operand)`` with the operand at ``array[place]``."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, uc, register, index, words = arguments
        view = context.make_array(signature.args[4])(context, builder, words)
        kind = ir.FunctionType(INT32, [INT64, INT32, POINTER])
        function_pointer = builder.inttoptr(address, kind.as_pointer())
        operand = builder.gep(view.data, [index])
        return builder.call(function_pointer, [uc, builder.trunc(register, INT32), operand])

    return types.int32(types.int64, types.int64, types.int64, types.int64, array), generate


@intrinsic  # type: ignore[untyped-decorator]
def decode_block(_: Any, function: Any, address: Any, size: Any) -> Any:
    """``int64 f(int64 address, int64 size)``."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(INT64, [INT64, INT64])
        return builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), list(arguments[1:]))

    return types.int64(types.int64, types.int64, types.int64), generate
