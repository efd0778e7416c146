"""MobileNetV1, a quarter as wide, for visual wake words.

Facts: mlcommons/tiny, benchmark/training/visual_wake_words/vww_model.py.
"""

from typing import Any

from models.architectures.stage import stage_end
from models.backend import keras

SIZE = 96  # pixels, height and width
FIRST = 8
BLOCKS = (  # stride of the depthwise layer, channels of the pointwise one
    *((1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128)),
    *((1, 128),) * 5,
    *((2, 256), (1, 256)),
)
CLASSES = 2
DECAY = 1e-4


def build() -> Any:
    """float32 [n, 96, 96, 3], 0 to 1, to [n, 2] probabilities: no person, person."""
    k = keras()
    layers, l2 = k.layers, k.regularizers.L2(DECAY)
    convolution = {"padding": "same", "kernel_initializer": "he_normal", "kernel_regularizer": l2}
    x = inputs = k.Input((SIZE, SIZE, 3))
    x = _normalised(layers, layers.Conv2D(FIRST, 3, strides=2, **convolution)(x), stage_end(0))
    for number, (stride, channels) in enumerate(BLOCKS, 1):
        depthwise = layers.DepthwiseConv2D(
            3, strides=stride, padding="same", depthwise_initializer="he_normal", depthwise_regularizer=l2
        )
        x = _normalised(layers, depthwise(x))
        x = _normalised(layers, layers.Conv2D(channels, 1, **convolution)(x), stage_end(number))
    x = layers.Flatten()(layers.AveragePooling2D(tuple(x.shape[1:3]))(x))
    output = layers.Dense(CLASSES, activation="softmax", kernel_initializer="he_normal")(x)
    return k.Model(inputs, output, name="mobilenet_v1")


def _normalised(layers: Any, x: Any, name: str | None = None) -> Any:
    return layers.ReLU(name=name)(layers.BatchNormalization()(x))
