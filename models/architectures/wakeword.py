"""The network of the streaming wakeword benchmark: four separable convolutions along time, each without padding.

Facts: mlcommons/tiny, benchmark/training/streaming_wakeword/keras_model.py.
"""

from typing import Any

from models.architectures.stage import stage_end
from models.backend import keras

FRAMES = 30
BANDS = 40
BLOCKS = ((3, 128), (5, 128), (10, 128), (15, 32))  # taps along time, channels
CLASSES = 3
DROPOUT = 0.2


def build() -> Any:
    """float32 [n, 30, 1, 40] log-mel energies, 0 to 1, to [n, 3] probabilities: wakeword, silence, other."""
    k = keras()
    layers = k.layers
    x = inputs = k.Input((FRAMES, 1, BANDS))
    for number, (taps, channels) in enumerate(BLOCKS):
        x = layers.DepthwiseConv2D((taps, 1), use_bias=False)(x)
        x = layers.Conv2D(channels, 1, use_bias=False)(x)
        x = layers.ReLU(name=stage_end(number))(layers.BatchNormalization()(x))
        x = layers.Dropout(DROPOUT)(x)
    return k.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(x)), name="wakeword")
