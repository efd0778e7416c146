"""Pictures made up of pieces of pictures: shapes that cover one another, as things in the world do ("dead leaves").

Their edges, sizes and contrasts are like those of photographs (A. Lee, D. Mumford, J. Huang: Occlusion models for
natural images, IJCV 41, 2001), which a teacher's first stages mostly look at.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from models.pictures import pillow

SMALLEST, LARGEST = 0.08, 0.9  # of the picture's side
MOST_SHAPES = 40
PLAIN = 0.3  # of the textures are a gradient, the others a piece of a picture

Pixels = NDArray[np.uint8]


def scenes(random: Generator, pictures: Pixels, count: int, size: int) -> Pixels:
    """``count`` scenes uint8 [n, size, size, 3] from pieces of ``pictures`` uint8 [m, rows, columns, 3]."""
    return np.stack([_scene(random, pictures, size) for _ in range(count)])


def _scene(random: Generator, pictures: Pixels, size: int) -> Pixels:
    image, _, filters = pillow()
    side = 2 * size if random.uniform() < 0.3 else size  # larger ones are scaled down, with smooth edges
    scene = image.fromarray(_texture(random, pictures, side)).filter(filters.GaussianBlur(random.uniform(0, 2)))
    for _ in range(int(MOST_SHAPES ** random.uniform()) - 1):
        width = 4 + int(side * SMALLEST * (LARGEST / SMALLEST) ** random.uniform())
        left, top = (int(edge) for edge in random.integers(-width // 2, side - width // 2, 2))
        scene.paste(image.fromarray(_texture(random, pictures, width)), (left, top), _shape(random, width))
    if random.uniform() < 0.3:
        scene = scene.filter(filters.GaussianBlur(random.uniform(0, 1.2)))
    return np.asarray(scene.resize((size, size), image.Resampling.BILINEAR), np.uint8)


def _texture(random: Generator, pictures: Pixels, width: int) -> Pixels:
    """uint8 [width, width, 3]."""
    image, _, _ = pillow()
    if random.uniform() < PLAIN:
        colours = random.uniform(0, 255, (2, 3))
        slope = np.add.outer(*(np.linspace(-1, 1, width) * direction for direction in random.normal(size=2)))
        pixels = colours[0] + (colours[1] - colours[0]) * (0.3 * slope[..., np.newaxis] + 0.5) * random.uniform()
        pixels = pixels + random.normal(0, random.uniform(0, 40), (width, width, 1)) * (random.uniform() < 0.5)
    else:
        wide = max(width, int(width * np.exp(random.uniform(-0.3, 0.9))))
        picture = image.fromarray(pictures[random.integers(len(pictures))])
        whole = picture.resize((wide, wide), image.Resampling.BICUBIC).rotate(
            random.uniform(0, 360) * (random.uniform() < 0.3)
        )
        left, top = random.integers(0, wide - width + 1, 2)
        pixels = np.asarray(whole, np.float64)[top : top + width, left : left + width]
    contrast, light = random.uniform(0.5, 1.4), random.uniform(-40, 40) + random.uniform(-15, 15, 3)
    pixels = np.clip((pixels - 128) * contrast + 128 + light, 0, 255)
    return np.asarray(pixels, np.uint8)


def _shape(random: Generator, width: int) -> object:
    """A mask: an ellipse, a rectangle or a polygon, turned."""
    image, draw, _ = pillow()
    mask = image.new("L", (width, width), 0)
    pen = draw.Draw(mask)
    margin = width * (1 - random.uniform(0.2, 1)) / 2
    kind = random.uniform()
    if kind < 0.4:
        pen.ellipse((margin, 0, width - margin, width - 1), fill=255)
    elif kind < 0.6:
        pen.rectangle((margin, 0, width - margin, width - 1), fill=255)
    else:
        angles = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 9)))
        radii = width / 2 * random.uniform(0.4, 1, len(angles))
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, np.newaxis] + width / 2
        pen.polygon([(float(x), float(y)) for x, y in corners], fill=255)
    return mask.rotate(random.uniform(0, 360))
