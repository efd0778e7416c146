"""TensorFlow, imported when a function needs it, so that everything else works without."""

import os
from typing import Any

from common.errors import UserError


def tensorflow(one_dnn: bool = False) -> Any:
    """Import TensorFlow, told to keep quiet and, unless the user set otherwise, whether to use oneDNN.

    oneDNN trains convolutions several times faster, but rounds differently from processor to processor. What is
    imported first decides for the whole process.

    Raises:
        UserError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", str(int(one_dnn)))
    try:
        import tensorflow
    except ImportError as error:
        raise UserError("training needs TensorFlow; run `pip install tensorflow-cpu`") from error
    return tensorflow


def keras() -> Any:
    """Keras as TensorFlow has it."""
    return tensorflow().keras
