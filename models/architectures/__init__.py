"""The networks of the benchmarks in Keras, and the reference models they equal layer by layer.

Facts: mlcommons/tiny, benchmark/training. Nothing here imports TensorFlow before a network is built.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.errors import UserError
from models.ad import network as autoencoder
from models.architectures import ds_cnn, mobilenet_v1, resnet8, wakeword


@dataclass(frozen=True)
class Architecture:
    """One network. ``build`` makes it, untrained. ``int8``, ``floating`` and ``weights`` name registered models of it:
    ``weights`` is a Keras file, "" where none is published. ``parameters`` are those of the `.tflite`, with batch
    normalisation folded; ``macs`` of one inference.
    """

    name: str
    bench: str
    title: str
    build: Callable[[], Any]
    parameters: int
    macs: int
    int8: str
    floating: str
    weights: str
    deviations: str = ""


ARCHITECTURES = (
    Architecture(
        name="autoencoder",
        bench="ad",
        title="Autoencoder 640-128x4-8-128x4-640",
        build=autoencoder.build,
        parameters=265_864,
        macs=264_192,
        int8="ad01_int8.tflite",
        floating="ad01_fp32.tflite",
        weights="ad01.h5",
        deviations="the reference conversion folds batch normalisation by hand and loses the biases of the layers"
        " before it, so that the reference tflite files compute something else than the reference Keras model",
    ),
    Architecture(
        name="ds_cnn",
        bench="kws",
        title="DS-CNN, 64 channels",
        build=ds_cnn.build,
        parameters=22_604,
        macs=2_656_768,
        int8="kws_ref_model.tflite",
        floating="kws_ref_model_float32.tflite",
        weights="",
        deviations="pools all 25x5 positions as the reference models do; upstream's present script pools 24x5",
    ),
    Architecture(
        name="resnet8",
        bench="ic",
        title="ResNet8, 16 filters",
        build=resnet8.build,
        parameters=77_706,
        macs=12_501_632,
        int8="pretrainedResnet_quant.tflite",
        floating="pretrainedResnet.tflite",
        weights="pretrainedResnet.h5",
        deviations="16 filters as the reference models have; upstream's present script has 26 by default",
    ),
    Architecture(
        name="resnet8_large",
        bench="ic",
        title="ResNet8, 40 filters",
        build=resnet8.build_large,
        parameters=480_330,
        macs=76_473_920,
        int8="pretrainedResnet_large_int8.tflite",
        floating="pretrainedResnet_large_float.tflite",
        weights="",
    ),
    Architecture(
        name="mobilenet_v1",
        bench="vww",
        title="MobileNetV1 0.25, 96x96",
        build=mobilenet_v1.build,
        parameters=210_850,
        macs=7_489_664,
        int8="vww_96_int8.tflite",
        floating="vww_96_float.tflite",
        weights="vww_96.h5",
    ),
    Architecture(
        name="wakeword",
        bench="sww",
        title="Streaming wakeword, separable convolutions over time",
        build=wakeword.build,
        parameters=46_883,
        macs=826_368,
        int8="str_ww_ref_model.tflite",
        floating="",
        weights="str_ww_ref_model.h5",
    ),
)


def architecture(name: str) -> Architecture:
    """The network of this name, or of the benchmark of this name (the first one).

    Raises:
        UserError: there is none; the message lists the names.
    """
    for network in ARCHITECTURES:
        if name in (network.name, network.bench):
            return network
    raise UserError(f"unknown network '{name}'; networks are: {', '.join(network.name for network in ARCHITECTURES)}")
