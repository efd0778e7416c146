"""What ``--tflm-lib`` may name, which operators a model registers, and the project that comes of both."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from common.artifact import ModelInfo
from common.benchmark import load_benchmark
from common.board import load_board
from common.errors import UserError
from generator import platformio
from generator.importer import parse_graph
from generator.placement import place
from generator.render import project_context
from generator.tflm.library import DEFINES, HEADER, Library, find_library
from generator.tflm.operators import check_operators, method, registrations
from generator.tflm.render import interpreted, render_interpreter
from models.flatbuffer import OperatorSpec, TensorSpec, build_model
from models.untrained import default_model
from tests.generator.cases import fully_connected

DOUBLE = Path(__file__).parent / "library"
BOARD, BENCHMARK = load_board("nucleo_l4r5zi"), load_benchmark("ad")


@pytest.mark.parametrize(
    ("operator", "wanted"),
    [
        ("ADD", "AddAdd"),
        ("ADD_N", "AddAddN"),
        ("AVERAGE_POOL_2D", "AddAveragePool2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("CONV_2D", "AddConv2D"),
        ("CUMSUM", "AddCumSum"),
        ("DEPTHWISE_CONV_2D", "AddDepthwiseConv2D"),
        ("GATHER_ND", "AddGatherNd"),
        ("L2_POOL_2D", "AddL2Pool2D"),
        ("PADV2", "AddPadV2"),
        ("RELU6", "AddRelu6"),
        ("SELECT_V2", "AddSelectV2"),
        ("SVDF", "AddSvdf"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
        ("VAR_HANDLE", "AddVarHandle"),
    ],
)
def test_names_of_the_resolver(operator: str, wanted: str) -> None:
    """As tflite-micro's micro_mutable_op_resolver.h has them."""
    assert method(operator) == wanted


@pytest.mark.parametrize(
    ("bench", "wanted"),
    [
        ("ad", ("AddFullyConnected",)),
        ("kws", ("AddAveragePool2D", "AddConv2D", "AddDepthwiseConv2D", "AddFullyConnected", "AddSoftmax")),
        ("ic", ("AddAdd", "AddAveragePool2D", "AddConv2D", "AddFullyConnected", "AddSoftmax")),
    ],
)
def test_operators_of_a_model_each_once(bench: str, wanted: tuple[str, ...]) -> None:
    model = default_model(load_benchmark(bench))
    assert registrations(model.read_bytes(), model.name) == wanted


def test_custom_operators_are_refused_by_name() -> None:
    tensors = [TensorSpec((1, 4), scales=[1.0], zero_points=[0]) for _ in range(2)]
    model = build_model(tensors, [OperatorSpec("CUSTOM:Twice", [0], [1])], [0], [1])
    with pytest.raises(UserError, match="m: runtime tflm has no operators but TensorFlow Lite's own, not CUSTOM:Twice"):
        registrations(model, "m")
    with pytest.raises(UserError, match="m is truncated or damaged"):
        registrations(fully_connected(units=2, depth=3)[:60], "m")


def test_operators_the_library_lacks_are_all_named() -> None:
    check_operators(("AddConv2D", "AddFullyConnected"), DOUBLE, "m")
    with pytest.raises(UserError, match=r"m: this TensorFlow Lite Micro has no AddSvdf, AddTanh in .*resolver\.h"):
        check_operators(("AddConv2D", "AddSvdf", "AddTanh"), DOUBLE, "m")


def find(name: str | None, project: Path) -> Library:
    return find_library(name, project, BOARD.name)


def test_a_tree_gets_a_manifest(tmp_path: Path) -> None:
    library = find(str(DOUBLE), tmp_path)
    assert library.dependency == "symlink://tflm"
    assert library.tree is not None
    assert (tmp_path / "tflm" / library.tree).resolve() == DOUBLE
    assert not library.notes
    flags = library.flags(tmp_path)
    assert set(DEFINES) < set(flags)
    assert [Path(tmp_path, flag.removeprefix("-isystem ")).resolve() for flag in flags[len(DEFINES) :]] == [
        DOUBLE,
        DOUBLE / "third_party" / "flatbuffers" / "include",
    ]


def make_library(folder: Path, manifest: str, header: str) -> Path:
    for path, text in ((manifest, "{}"), (header, "")):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_a_library_with_a_manifest_is_taken_as_it_is(tmp_path: Path) -> None:
    for manifest in ("library.json", "library.properties"):
        folder = make_library(tmp_path / manifest[-4:], manifest, f"src/{HEADER}")
        library = find(str(folder), tmp_path / "project")
        assert library.dependency == f"symlink://../{folder.name}"
        assert library.root == folder / "src"
        assert library.tree is None
        assert "reference ones, several times slower" in library.notes[0]


def test_what_is_no_library_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"needs TensorFlow Lite Micro, .*create_tflm_tree\.py .*--tflm-lib OWNER"):
        find(None, tmp_path)
    with pytest.raises(UserError, match=r"holds no tensorflow/lite/micro/micro_interpreter\.h"):
        find(str(tmp_path), tmp_path)
    other = make_library(tmp_path / "other", "library.json", "src/other.h")
    with pytest.raises(UserError, match="is a library, but not TensorFlow Lite Micro"):
        find(str(other), tmp_path)
    checkout = make_library(tmp_path / "checkout", "tensorflow/lite/micro/tools/make/Makefile", HEADER)
    with pytest.raises(UserError, match=r"is a checkout of tflite-micro; write a tree with `python3 .*_tflm_tree"):
        find(str(checkout), tmp_path)
    for missing in ("./lib", "/no/such/folder", "~/nothing-here", "tflm"):
        with pytest.raises(UserError, match="there is no such folder"):
            find(missing, tmp_path)
    for unpinned in ("someone/TensorFlowLite", "someone/TensorFlowLite@^1.2", "https://host/tflm.git"):
        with pytest.raises(UserError, match=r"is not pinned, .* add @1\.2\.3 or #COMMIT"):
            find(unpinned, tmp_path)


def test_a_package_that_cannot_be_had_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise platformio.RunError("no network", "")

    monkeypatch.setattr(platformio, "install_library", fails)
    with pytest.raises(UserError, match=r"PlatformIO cannot get the library a/b@1\.2\.3: no network\ncheck the name"):
        find("a/b@1.2.3", tmp_path)
    monkeypatch.setattr(platformio, "install_library", lambda *_, **__: None)
    with pytest.raises(UserError, match=r"the library a/b@1\.2\.3 is not TensorFlow Lite Micro"):
        find("a/b@1.2.3", tmp_path)


def test_a_package_is_fetched_once_and_another_one_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def install(name: str, storage: Path, *_: object, **__: object) -> None:
        fetched.append(name)
        assert not storage.exists()
        make_library(storage / "tflm", "library.json", HEADER)

    monkeypatch.setattr(platformio, "install_library", install)
    names = ["a/b@1.2.3", "a/b@1.2.3", "a/b@1.2.4"]
    assert [find(name, tmp_path).dependency for name in names] == names
    assert fetched == ["a/b@1.2.3", "a/b@1.2.4"]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_platformio_fetches_a_pinned_repository(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(DOUBLE, source)
    (source / "library.json").write_text(json.dumps({"name": "double", "version": "1.0.0"}))
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "t"]):
        subprocess.run(["git", "-C", source, *command], check=True)
    head = subprocess.run(["git", "-C", source, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    name = f"git+file://{source}#{head.strip()}"
    project = tmp_path / "project"
    library = find(name, project)
    assert library.dependency == name
    assert library.root.parent == project / ".pio" / "libdeps" / BOARD.name
    assert (library.root / HEADER).read_bytes() == (DOUBLE / HEADER).read_bytes()


def test_the_project_names_library_operators_and_arena(tmp_path: Path) -> None:
    content = BENCHMARK.model.read_bytes()
    program = interpreted(parse_graph(content, "ad"))
    library = find(str(DOUBLE), tmp_path)
    placement = place(program, BOARD, "memory", 10_000)
    info = ModelInfo("ad.tflite", "0" * 64, len(content))
    project = project_context(tmp_path, program, placement, info, BOARD, BENCHMARK, energy=False, platform="firmbench")
    arguments = (project, content, ("AddConv2D", "AddFullyConnected"), 4096, library, tmp_path)
    files = render_interpreter(*arguments)
    assert files == render_interpreter(*arguments)
    for path, lines in {
        "platformio.ini": ["    symlink://tflm\n", "    -DCMSIS_NN\n", "    +<tflm/*.cc>\n", "    -Werror\n"],
        "gen/model.cc": ["MicroMutableOpResolver<2>", "resolver.AddConv2D()", "uint8_t tensor_arena[4096];"],
        "gen/model.h": ["extern int8_t *model_input0;"],
        "gen/memory.ld": ["init_array_start = .;"],
    }.items():
        for line in lines:
            assert line in files[path], (path, line)
    manifest = json.loads(files["tflm/library.json"])
    assert "-<**/debug_log.cc>" in manifest["build"]["srcFilter"]
    listed = files["gen/model_data.c"].partition("= {")[2].partition("}")[0]
    assert bytes(int(number) for number in listed.replace("\n", "").split(",") if number.strip()) == content
