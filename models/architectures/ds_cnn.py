"""DS-CNN for keyword spotting: one convolution over time and coefficients, four separable ones, a mean, a dense layer.

Facts: mlcommons/tiny, benchmark/training/keyword_spotting/keras_model.py.
"""

from typing import Any

from models.backend import keras
from models.kws.features import COEFFICIENTS, FRAMES

CHANNELS = 64
BLOCKS = 4
CLASSES = 12
DECAY = 1e-4  # L2 on the weights of all convolutions


def build(dropout: tuple[float, float] = (0.2, 0.4)) -> Any:
    """float32 [n, 49, 10, 1] MFCC to [n, 12] probabilities. ``dropout``: after the first and after the last block."""
    k = keras()
    layers, l2 = k.layers, k.regularizers.L2(DECAY)
    x = inputs = k.Input((FRAMES, COEFFICIENTS, 1))
    x = layers.Conv2D(CHANNELS, (10, 4), strides=2, padding="same", kernel_regularizer=l2)(x)
    x = _normalised(layers, x)
    x = layers.Dropout(dropout[0])(x)
    for _ in range(BLOCKS):
        x = _normalised(layers, layers.DepthwiseConv2D(3, padding="same", depthwise_regularizer=l2)(x))
        x = _normalised(layers, layers.Conv2D(CHANNELS, 1, padding="same", kernel_regularizer=l2)(x))
    x = layers.Dropout(dropout[1])(x)
    x = layers.Flatten()(layers.AveragePooling2D(tuple(x.shape[1:3]))(x))
    return k.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x), name="ds_cnn")


def _normalised(layers: Any, x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))
