"""Networks that no kernel was written for: whether they run at the speed of the reference ones."""

from collections.abc import Callable, Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from common.board import Board
from common.files import write_if_changed
from common.paths import BUILD
from models.untrained import Network
from studies.measure import Measurement, Recipe, measure_recipes

MOBILE_NET = [(1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5, (2, 1024), (1, 1024)]
IMAGE_SCALE = 1 / 255


def mobile_net(size: int, channels: int, width: float) -> bytes:
    """MobileNetV1 of so many times the channels for square pictures of ``size`` pixels."""
    network = Network((size, size, channels), IMAGE_SCALE, -128, seed=size + channels)
    x = network.conv(network.input, int(32 * width), (3, 3), 2)
    for stride, filters in MOBILE_NET:
        x = network.conv(network.depthwise(x, stride), int(filters * width), (1, 1))
    return network.classify(network.pool(x), 2)


def ds_cnn(channels: int, blocks: int) -> bytes:
    """As the keyword spotter, of another size (Zhang et al., "Hello Edge", 2017)."""
    network = Network((49, 10, 1), 0.5, 0, seed=channels)
    x = network.conv(network.input, channels, (10, 4), 2)
    for _ in range(blocks):
        x = network.conv(network.depthwise(x), channels, (1, 1))
    return network.classify(network.pool(x), 12)


def tiny_conv() -> bytes:
    """In the manner of TensorFlow Lite Micro's micro_speech: one convolution of a spectrogram and a classifier."""
    network = Network((49, 40, 1), 0.1, -128, seed=7)
    return network.classify(network.flatten(network.conv(network.input, 8, (10, 8), 2)), 4)


def res_net(channels: Sequence[int]) -> bytes:
    """Residual stages of these channels, each of which but the first halves the picture."""
    network = Network((32, 32, 3), 1.0, -128, seed=sum(channels))
    x = network.conv(network.input, channels[0], (3, 3))
    x = network.add(x, network.conv(network.conv(x, channels[0], (3, 3)), channels[0], (3, 3), relu=False))
    for count in channels[1:]:
        y = network.conv(network.conv(x, count, (3, 3), 2), count, (3, 3), relu=False)
        x = network.add(network.conv(x, count, (1, 1), 2, relu=False), y)
    return network.classify(network.pool(x), 10)


def any_layers(seed: int) -> bytes:
    """Convolutions of all kinds in any order and width."""
    random = np.random.default_rng(seed)
    network = Network((40, 40, int(random.integers(1, 4))), IMAGE_SCALE, -128, seed=seed)
    x = network.conv(network.input, int(random.integers(5, 30)), (3, 3), 2)
    for _ in range(8):
        stride = int(random.choice([1, 1, 1, 2])) if x.numbers.shape[1] > 5 else 1
        taps = int(random.choice([1, 1, 3, 5]))
        if random.random() < 0.4:
            x = network.depthwise(x, stride)
        else:
            x = network.conv(x, int(random.integers(9, 61)), (taps, taps), stride if taps > 1 else 1)
    return network.classify(network.pool(x), int(random.integers(2, 20)))


NETWORKS: dict[str, Callable[[], bytes]] = {
    "mobilenet_v1_025_96_grey": lambda: mobile_net(96, 1, 0.25),
    "mobilenet_v1_050_96": lambda: mobile_net(96, 3, 0.5),
    "mobilenet_v1_0375_64": lambda: mobile_net(64, 3, 0.375),
    "ds_cnn_s_172": lambda: ds_cnn(172, 4),
    "ds_cnn_25": lambda: ds_cnn(25, 6),
    "tiny_conv": tiny_conv,
    "resnet_24_48_96": lambda: res_net((24, 48, 96)),
    "resnet_10_20": lambda: res_net((10, 20)),
    "any_layers_1": lambda: any_layers(1),
    "any_layers_2": lambda: any_layers(2),
    "any_layers_3": lambda: any_layers(3),
}


def measure_others(board: Board, console: Console) -> list[Measurement]:
    """All of `NETWORKS`, with random weights, for the objective latency."""
    recipes = []
    for name, network in NETWORKS.items():
        path = BUILD / "others" / f"{name}.tflite"
        write_if_changed(path, network())
        recipes.append(Recipe("", str(path), board.name, "latency"))
    return measure_recipes(recipes, console)


def others_table(results: Sequence[Measurement], board: Board) -> Table:
    title = f"other networks, random weights, on {board.title}, modelled"
    table = Table(title=title, box=None, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for index, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if index else "left", no_wrap=True)
    for row in others_rows(results, board):
        table.add_row(*row)
    return table


HEADINGS = ("network", "MACs", "cycles", "ms", "c/MAC", "flash", "RAM", "arena")


def others_rows(results: Sequence[Measurement], board: Board) -> list[tuple[str, ...]]:
    return [
        (
            result.model.removesuffix(".tflite"),
            f"{result.macs:,}",
            f"{result.cycles:,}",
            f"{result.cycles * 1000 / board.clock.sysclk_hz:.2f}",
            f"{result.cycles / result.macs:.2f}",
            f"{result.flash_bytes:,}",
            f"{result.ram_bytes:,}",
            f"{result.arena_bytes:,}",
        )
        for result in results
    ]
