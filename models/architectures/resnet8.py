"""ResNet8 for image classification: one convolution, three residual stages of two, a mean, a dense layer.

Facts: mlcommons/tiny, benchmark/training/image_classification/keras_model.py.
"""

from typing import Any

from models.architectures.stage import stage_end
from models.backend import keras

SIZE = 32  # pixels, height and width
FILTERS = 16  # of the reference model ic01; the large one, ic02, has 40
LARGE_FILTERS = 40
CLASSES = 10
DECAY = 1e-4


def build(filters: int = FILTERS) -> Any:
    """float32 [n, 32, 32, 3], 0 to 255, to [n, 10] probabilities. The stages have 1, 2 and 4 times ``filters``."""
    k = keras()
    layers, l2 = k.layers, k.regularizers.L2(DECAY)

    def convolution(x: Any, channels: int, size: int, stride: int = 1) -> Any:
        layer = layers.Conv2D(
            channels, size, strides=stride, padding="same", kernel_initializer="he_normal", kernel_regularizer=l2
        )
        return layer(x)

    def normalised(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    x = inputs = k.Input((SIZE, SIZE, 3))
    x = layers.ReLU(name=stage_end(0))(normalised(convolution(x, filters, 3)))
    for number, (channels, stride) in enumerate(((filters, 1), (2 * filters, 2), (4 * filters, 2)), 1):
        y = layers.ReLU()(normalised(convolution(x, channels, 3, stride)))
        y = normalised(convolution(y, channels, 3))
        shortcut = convolution(x, channels, 1, stride) if stride > 1 else x
        x = layers.ReLU(name=stage_end(number))(layers.Add()([shortcut, y]))
    x = layers.Flatten()(layers.AveragePooling2D(tuple(x.shape[1:3]))(x))
    output = layers.Dense(CLASSES, activation="softmax", kernel_initializer="he_normal")(x)
    return k.Model(inputs, output, name="resnet8")


def build_large() -> Any:
    """The network of ic02."""
    return build(LARGE_FILTERS)
