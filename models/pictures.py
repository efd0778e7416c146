"""Reading and scaling pictures, with Pillow."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import UserError


def pillow() -> Any:
    """Pillow's modules Image, ImageDraw and ImageFilter. Raises UserError where it is not installed."""
    try:
        from PIL import Image, ImageDraw, ImageFilter
    except ImportError as error:
        raise UserError("reading pictures needs Pillow; run `pip install pillow`") from error
    return Image, ImageDraw, ImageFilter


def read(content: bytes, where: str, size: int | None = None) -> NDArray[np.uint8]:
    """RGB pixels uint8 [rows, columns, 3] of a picture file, scaled to ``size`` x ``size`` if given.

    Raises:
        UserError: no picture, or Pillow is missing.
    """
    image, _, _ = pillow()
    try:
        picture = image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"{where} is no picture ({error})") from error
    if size is not None and picture.size != (size, size):
        picture = picture.resize((size, size), image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8)


def scaled(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture uint8 [rows, columns, 3] as one of ``size`` x ``size``, bicubic."""
    image, _, _ = pillow()
    return np.asarray(image.fromarray(pixels).resize((size, size), image.Resampling.BICUBIC), np.uint8)
