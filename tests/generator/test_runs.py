"""Which depthwise convolutions get code for their planes, how large it is, and who calls it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.paths import FIRMWARE
from common.templates import template_environment
from generator.program import Buffer, Port, Program, Step, Symbol, Value
from generator.runs import MOST_OFFSET, Lines, Run, choose_runs, with_runs

ROOM = 1 << 20
ALL = True, True, True, True
NONE = False, False, False, False
KWS = Lines(1, 104, 25, 5, *ALL, -128)


def program(
    *layers: tuple[int, int, int], stride: int = 1, fixed_shift: bool = True, band: int = 1000, pad: int = 1
) -> Program:
    """A step for each (outputs, lines, channels), with lines of padding above and below if they take any."""
    steps = []
    for index, (outputs, lines, channels) in enumerate(layers):
        parameters: dict[str, Value] = {"stride": stride, "length": stride * (outputs + 1), "outputs": outputs}
        parameters |= {"output_lines": lines, "band": min(band, lines), "channels": channels, "batches": 1}
        parameters |= {
            "lines_pad": pad,
            "lines_inside": lines * stride + 3 - stride - 2 * pad,
            "fixed_shift": fixed_shift,
        }
        parameters |= {"pad": 1, "inside": outputs * stride + 1 - stride, "input_zero_point": -128}
        kernel = "depthwise_conv_2d_s8_3x3"
        struct = "DepthwiseConv2dS83x3"
        steps.append(Step(index, "X", kernel, f"kernels/{kernel}.h", struct, parameters, ("t0",), ("t0",)))
    port = Port("t0", "int8", (1,), None)
    return Program((Buffer("t0", 4),), tuple(steps), (port,), (port,))


def test_dear_bytes_make_short_loops_and_then_none() -> None:
    layers = program((25, 5, 64))
    chosen = [choose_runs(layers, ROOM, least) for least in (0.0, 0.1, 0.5, 1.0, 2.0)]
    assert chosen[0] == {Run(KWS, 39, 1)}, "without a loop"
    sizes = [run.bytes for (run,) in chosen]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]
    assert not choose_runs(layers, ROOM, 20.0)


def test_code_for_several_layers_pays_sooner() -> None:
    assert not choose_runs(program((25, 5, 4)), ROOM, 2.0)
    assert choose_runs(program(*[(25, 5, 4)] * 16), ROOM, 2.0) == choose_runs(program((25, 5, 64)), ROOM, 2.0)


@pytest.mark.parametrize(("room", "pieces"), [(30000, 3), (12000, 3), (4000, 1), (500, 0), (0, 0), (-1000, 0)])
@pytest.mark.parametrize("stride", [1, 2])
def test_loops_as_there_is_room(room: int, pieces: int, stride: int) -> None:
    chosen = choose_runs(program((24, 24, 64), (12, 12, 64), (6, 6, 64), stride=stride), room, 0.0)
    assert sum(run.bytes for run in chosen) <= max(room, 0)
    assert len(chosen) >= pieces
    assert bool(chosen) == bool(pieces)


def test_rows_of_padding_are_as_others_where_room_is_short() -> None:
    layers = program((48, 48, 8))
    (large,) = choose_runs(layers, ROOM, 0.0)
    (small,) = choose_runs(layers, 6000, 0.0)
    assert large.lines.above and large.lines.below
    assert small.lines == large.lines.bare
    assert with_runs(layers, frozenset([small])).symbols[0].name == small.lines.name


def test_padding_of_bands() -> None:
    (run,) = choose_runs(program((48, 48, 8), band=24), ROOM, 0.0)
    assert run.lines == Lines(1, 196, 48, 24, False, False, True, True, -128)
    (run,) = choose_runs(program((25, 5, 64), pad=0), ROOM, 0.0)
    assert run.lines == KWS.bare


@pytest.mark.parametrize(
    "layers",
    [program((MOST_OFFSET // 12, 5, 1000)), program((25, 5, 1000), fixed_shift=False)],
    ids=["long lines", "other rescaling"],
)
def test_layers_without(layers: Program) -> None:
    assert not choose_runs(layers, ROOM, 0.0)


def test_layers_name_their_code() -> None:
    changed = with_runs(program((25, 5, 64), (24, 5, 64)), frozenset([Run(KWS, 13, 3)]))
    assert changed.symbols == (Symbol("depthwise_3x3_stride1_104_25x5_ablr_128", "DepthwiseConv2dS83x3Run"),)
    assert "run" not in changed.steps[1].parameters


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="no arm-none-eabi-gcc")
def test_bytes_are_at_least_those_of_the_code(tmp_path: Path) -> None:
    """Of the code that the template makes."""
    runs = [Run(KWS, 39, 1), Run(KWS.bare, 13, 4), Run(Lines(1, 16, 3, 3, *ALL, 5), 1, 1)]
    runs += [Run(Lines(1, 1360, 338, 4, False, True, False, True, 0), 170, 2), Run(Lines(1, 8, 1, 1, *NONE, 0), 1, 1)]
    runs += [Run(Lines(2, 1360, 84, 2, False, True, False, True, 127), 1, 1), Run(Lines(2, 112, 6, 6, *NONE, 0), 2, 2)]
    runs += [Run(Lines(2, 112, 5, 6, False, True, False, True, 0), 5, 1)]
    template = template_environment().get_template("runs_m4.S.j2")
    lines = template.render(placement={"runs": runs}, model={"name": "x", "sha256": ""}).splitlines()
    source = tmp_path / "runs.S"
    source.write_text("\n".join(line for line in lines if line.startswith(("#include", "stride"))) + "\n")
    flags = ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", f"-I{FIRMWARE}"]
    subprocess.run(["arm-none-eabi-gcc", *flags, "-c", source, "-o", tmp_path / "runs.o"], check=True)
    listing = subprocess.run(
        ["arm-none-eabi-size", "-A", tmp_path / "runs.o"], check=True, capture_output=True, text=True
    ).stdout
    found = {name: int(size) for name, size in re.findall(r"^\.straight\.(\w+) +(\d+)", listing, re.MULTILINE)}
    assert set(found) == {run.lines.name for run in runs}
    for run in runs:
        assert run.bytes / 2 - 64 < found[run.lines.name] <= run.bytes, run
