"""The operator options that are read from a model: operator -> flatbuffer table and our names of its fields."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """``table``: class of the schema package. ``fields``: our name -> the table's accessor."""

    table: str
    fields: dict[str, str]


_ACTIVATION = {"activation": "FusedActivationFunction"}
_STRIDES = {"padding": "Padding", "stride_h": "StrideH", "stride_w": "StrideW"}
_DILATIONS = {"dilation_h": "DilationHFactor", "dilation_w": "DilationWFactor"}
_FILTER = {"filter_h": "FilterHeight", "filter_w": "FilterWidth"}
_REDUCER = Options("ReducerOptions", {"keep_dims": "KeepDims"})
_RESIZE = {"align_corners": "AlignCorners", "half_pixel_centers": "HalfPixelCenters"}

OPTIONS: dict[str, Options] = {
    "ADD": Options("AddOptions", _ACTIVATION),
    "ARG_MAX": Options("ArgMaxOptions", {"output_type": "OutputType"}),
    "ARG_MIN": Options("ArgMinOptions", {"output_type": "OutputType"}),
    "AVERAGE_POOL_2D": Options("Pool2DOptions", _STRIDES | _FILTER | _ACTIVATION),
    "CALL_ONCE": Options("CallOnceOptions", {"init_subgraph": "InitSubgraphIndex"}),
    "CAST": Options("CastOptions", {}),
    "CONCATENATION": Options("ConcatenationOptions", {"axis": "Axis"} | _ACTIVATION),
    "CONV_2D": Options("Conv2DOptions", _STRIDES | _DILATIONS | _ACTIVATION),
    "DEPTHWISE_CONV_2D": Options(
        "DepthwiseConv2DOptions", _STRIDES | _DILATIONS | _ACTIVATION | {"depth_multiplier": "DepthMultiplier"}
    ),
    "DEPTH_TO_SPACE": Options("DepthToSpaceOptions", {"block_size": "BlockSize"}),
    "DIV": Options("DivOptions", _ACTIVATION),
    "FULLY_CONNECTED": Options(
        "FullyConnectedOptions",
        {"weights_format": "WeightsFormat", "keep_num_dims": "KeepNumDims"} | _ACTIVATION,
    ),
    "GATHER": Options("GatherOptions", {"axis": "Axis", "batch_dims": "BatchDims"}),
    "LEAKY_RELU": Options("LeakyReluOptions", {"alpha": "Alpha"}),
    "MAX_POOL_2D": Options("Pool2DOptions", _STRIDES | _FILTER | _ACTIVATION),
    "MEAN": _REDUCER,
    "MIRROR_PAD": Options("MirrorPadOptions", {"mode": "Mode"}),
    "MUL": Options("MulOptions", _ACTIVATION),
    "PACK": Options("PackOptions", {"axis": "Axis", "values_count": "ValuesCount"}),
    "REDUCE_MAX": _REDUCER,
    "REDUCE_MIN": _REDUCER,
    "RESIZE_BILINEAR": Options("ResizeBilinearOptions", _RESIZE),
    "RESIZE_NEAREST_NEIGHBOR": Options("ResizeNearestNeighborOptions", _RESIZE),
    "SHAPE": Options("ShapeOptions", {"out_type": "OutType"}),
    "SOFTMAX": Options("SoftmaxOptions", {"beta": "Beta"}),
    "SPACE_TO_DEPTH": Options("SpaceToDepthOptions", {"block_size": "BlockSize"}),
    "SPLIT": Options("SplitOptions", {"num_splits": "NumSplits"}),
    "SPLIT_V": Options("SplitVOptions", {"num_splits": "NumSplits"}),
    "STRIDED_SLICE": Options(
        "StridedSliceOptions",
        {
            "begin_mask": "BeginMask",
            "end_mask": "EndMask",
            "ellipsis_mask": "EllipsisMask",
            "new_axis_mask": "NewAxisMask",
            "shrink_axis_mask": "ShrinkAxisMask",
            "offset": "Offset",
        },
    ),
    "SUB": Options("SubOptions", _ACTIVATION),
    "SUM": _REDUCER,
    "SVDF": Options("SVDFOptions", {"rank": "Rank"} | _ACTIVATION),
    "TRANSPOSE_CONV": Options("TransposeConvOptions", _STRIDES | _ACTIVATION),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Options(
        "UnidirectionalSequenceLSTMOptions",
        {"cell_clip": "CellClip", "proj_clip": "ProjClip", "time_major": "TimeMajor"} | _ACTIVATION,
    ),
    "VAR_HANDLE": Options("VarHandleOptions", {"container": "Container", "shared_name": "SharedName"}),
    "UNPACK": Options("UnpackOptions", {"axis": "Axis", "num": "Num"}),
}
