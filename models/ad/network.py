"""The autoencoder of MLPerf Tiny's anomaly detection benchmark in Keras.

Architecture: MLPerf Tiny, benchmark/training/anomaly_detection/keras_model.py. TensorFlow is imported when a function
needs it, so that everything else of this package works without.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.ad.folding import BatchNorm, Dense, fold
from models.backend import tensorflow

INPUTS = 640
HIDDEN = (128, 128, 128, 128, 8, 128, 128, 128, 128)

# Keras 3 defaults to 1e-3 and 0.99 as well; they are part of the architecture, so they are stated.
_EPSILON = 1e-3
_MOMENTUM = 0.99


def build() -> Any:
    """The trainable network: 640, then Dense + BatchNorm + ReLU of every hidden width, then Dense 640, linear."""
    keras = tensorflow().keras
    x = inputs = keras.Input((INPUTS,))
    for width in HIDDEN:
        x = keras.layers.Dense(width)(x)
        x = keras.layers.BatchNormalization(epsilon=_EPSILON, momentum=_MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
    return keras.Model(inputs, keras.layers.Dense(INPUTS)(x))


def fit(
    model: Any,
    windows: NDArray[np.float32],
    *,
    epochs: int,
    batch: int,
    progress: Callable[[int, dict[str, float]], None],
) -> list[dict[str, float]]:
    """Train as upstream does: Adam at 1e-3, mean squared error, the last tenth of the windows for validation.

    Args:
        model: from ``build``.
        windows: float32 [n, 640], input and target.
        epochs: how many passes.
        batch: windows per step.
        progress: called with (epoch, {"loss", "val_loss"}) after every pass.

    Returns:
        Losses of every epoch; training stops after an epoch whose loss is not a number.
    """
    keras = tensorflow().keras
    history: list[dict[str, float]] = []

    def remember(epoch: int, losses: dict[str, float]) -> None:
        history.append({name: float(losses[name]) for name in ("loss", "val_loss")})
        progress(epoch, history[-1])
        model.stop_training = not np.isfinite(history[-1]["loss"])

    model.compile(keras.optimizers.Adam(1e-3), "mse")
    model.fit(
        windows,
        windows,
        batch_size=batch,
        epochs=epochs,
        shuffle=True,
        validation_split=0.1,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=remember)],
    )
    return history


def folded_layers(model: Any) -> list[Dense]:
    """The network as ten plain fully connected layers, batch normalisation folded in."""
    keras = tensorflow().keras
    layers: list[Dense] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dense):
            layers.append(Dense(*layer.get_weights()))
        elif isinstance(layer, keras.layers.BatchNormalization):
            layers[-1] = fold(layers[-1], BatchNorm(_EPSILON, *layer.get_weights()))
    return layers
