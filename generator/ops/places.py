"""Where the pixels of an activation lie in memory: as a tensor [height, width, channels], or as planes.

Planes are what firmware/kernels/depthwise_conv_2d_s8_3x3.h works on in place: four channels of a pixel are a word, and
the words of a block of four channels are padded lines, one after another. A pointwise convolution that writes them and
one that reads the results saves the copies to the padded lines and back.
"""

from dataclasses import dataclass

from generator.graph import Tensor

BLOCK = 4  # channels

PLANES = "planes"  # option that the compiler sets: a depthwise convolution yields planes; True: it gets them, too
SOURCE, TARGET = "source_places", "target_places"  # the same for a pointwise convolution: `Places`


@dataclass(frozen=True)
class Places:
    """In bytes: from the buffer's start to the first block of pixel (0, 0), from a row, a column and a block of `BLOCK`
    channels to the next, and of the buffer.

    ``by_rows``: lines of the plane are rows. With ``second`` not None, lines are interleaved in pairs: the second one
    begins there, and ``row``, or ``column`` if lines are columns, is from a line to the second next one.
    """

    first: int
    row: int
    column: int
    block: int
    bytes: int
    by_rows: bool = True
    second: int | None = None
    planes: bool = True


def tensor_places(tensor: Tensor) -> Places:
    """Of a tensor [1, height, width, channels]."""
    _, _, width, channels = tensor.shape
    return Places(0, width * channels, channels, BLOCK, tensor.bytes, planes=False)
