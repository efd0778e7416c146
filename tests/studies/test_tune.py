"""`invoke tune` and `invoke explore`: the search and the choice among measurements, without building."""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from common.board import load_board
from common.errors import UserError
from generator import tuning as tuning_files
from generator.compile import compile_model
from generator.tuning import OperatorTuning, Tuning, load_tuning, save_tuning, tuning_path, with_flash
from models.untrained import untrained_model
from studies import explore, tune
from studies.explore import Point, budgets, explore_svg, front, points_of
from studies.measure import Layer, Measurement, Recipe
from studies.tune import Journal, best_choices, candidates, rounds, run_tune, within_arena

BOARD = load_board("nucleo_l4r5zi")
SHA = "ab" * 32
WIDE = OperatorTuning(kernel="conv_2d_s8_paired", columns=32)
BAND = OperatorTuning(band=4)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


@pytest.fixture(scope="module")
def kws() -> bytes:
    return untrained_model("kws")


def measured(*cycles: int, ram: int = 1000, flash: int = 5000) -> Measurement:
    layers = tuple(Layer(index, "CONV_2D", 100, count) for index, count in enumerate(cycles))
    return Measurement("kws", "latency", "m.tflite", sum(cycles), flash, ram, 500, layers)


def test_every_candidate_of_a_round_changes_its_operator(kws: bytes) -> None:
    program = compile_model(kws, "kws").program
    by_rule = {step.operator: (step.kernel, step.parameters.get("columns")) for step in program.steps}
    tunings = rounds(program, kws, "kws", "balanced")
    assert len(tunings) >= 5
    for tuning in tunings:
        steps = compile_model(kws, "kws", tuning=tuning).program.steps
        for step in steps:
            chosen = tuning.operators.get(step.operator)
            if chosen is not None and chosen.columns:
                assert step.integer("columns") >= chosen.columns
                assert chosen.kernel in (None, step.kernel)
                assert by_rule[step.operator] != (step.kernel, step.parameters["columns"])


def test_no_kernel_with_larger_weights_is_tried_for_memory() -> None:
    kernels = {choice.kernel for choice in candidates("CONV_2D", "conv_2d_s8_paired", compact=True)}
    assert "conv_2d_3x3_winograd_s8" not in kernels
    assert "conv_2d_3x3_winograd_s8" in {
        choice.kernel for choice in candidates("CONV_2D", "conv_2d_s8_paired", compact=False)
    }
    assert list(candidates("SOFTMAX", "softmax_s8_s8", compact=False)) == []


def test_the_fastest_choice_of_each_operator_wins() -> None:
    tried = [
        (Tuning({0: WIDE, 1: BAND}), measured(900, 2100, 50)),
        (Tuning({0: BAND}), measured(950, 2000, 40)),  # nothing was changed in operator 2
    ]
    (gain,) = best_choices(measured(1000, 2000, 50), tried)
    assert (gain.operator, gain.choice, gain.before, gain.after) == (0, WIDE, 1000, 900)


def test_a_gain_too_small_to_matter_is_no_choice() -> None:
    assert best_choices(measured(100_000), [(Tuning({0: WIDE}), measured(99_999))]) == []


def test_choices_that_enlarge_the_arena_are_left_out(kws: bytes) -> None:
    wider = Tuning({2: OperatorTuning(columns=62)})
    gain = best_choices(measured(50, 50, 1000), [(wider, measured(50, 50, 900))])
    arena = compile_model(kws, "kws").memory.arena_bytes
    tuned = compile_model(kws, "kws", tuning=wider).memory.arena_bytes
    assert arena < tuned
    assert within_arena(gain, kws, "kws", "balanced", arena) == []
    assert within_arena(gain, kws, "kws", "balanced", tuned) == gain


def test_files_keep_the_choices_of_other_objectives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path)
    latency, memory = Tuning({3: WIDE, 11: BAND}), Tuning({3: BAND})
    save_tuning("b", "m.tflite", SHA, "latency", latency)
    save_tuning("b", "m.tflite", SHA, "memory", memory)
    assert load_tuning("b", SHA, "latency") == latency
    assert load_tuning("b", SHA, "memory") == memory
    assert load_tuning("b", SHA, "balanced") == Tuning()
    assert load_tuning("b", "cd" * 32, "latency") == Tuning()


def test_files_keep_the_flash_and_serve_variants_of_a_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path)
    off = Tuning({3: WIDE}, prefetch=False)
    save_tuning("b", "m.tflite", SHA, "memory", off)
    save_tuning("b", "m.tflite", SHA, "latency", Tuning({3: WIDE}))
    assert load_tuning("b", SHA, "memory") == load_tuning("b-v", SHA, "memory") == off
    save_tuning("b-v", "m.tflite", SHA, "memory", Tuning(prefetch=True))
    assert load_tuning("b-v", SHA, "memory") == Tuning(prefetch=True)
    assert load_tuning("b", SHA, "memory") == off
    assert load_tuning("b", SHA, "latency").prefetch is None
    assert not with_flash(BOARD, off, "latency").clock.prefetch
    assert with_flash(BOARD, Tuning(prefetch=True), "memory") == BOARD
    assert with_flash(BOARD, Tuning(), "latency") == BOARD
    assert not with_flash(BOARD, Tuning(), "memory").clock.prefetch


@pytest.mark.parametrize(
    "text",
    [
        "no toml [",
        f'sha256 = "{SHA}"\nobjective = 3',
        f'sha256 = "{SHA}"\n[objective.latency]\nprefetch = 2',
        "x = 1",
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path)
    path = tuning_path("b", SHA)
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(UserError, match=r"is damaged .*invoke tune"):
        load_tuning("b", SHA, "latency")


def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path, console: Console) -> None:
    asked: list[Recipe] = []

    def meter(recipes: Sequence[Recipe], _console: Console, done: Callable[[Recipe, Measurement], None]) -> None:
        for recipe in recipes:
            if len(asked) == 2:
                raise KeyboardInterrupt
            asked.append(recipe)
            done(recipe, measured(10))

    recipes = [Recipe("kws", "m", BOARD.name, "latency", budget) for budget in (1, 2, 3)]
    path = tmp_path / "journal"
    with pytest.raises(KeyboardInterrupt):
        Journal(path).measure(recipes, console, meter)
    with path.open("a") as file:
        file.write('{"recipe": "cut o')
    asked.clear()
    assert [result.cycles for result in Journal(path).measure(recipes, console, meter)] == [10, 10, 10]
    assert [recipe.ram_budget for recipe in asked] == [3]


@pytest.mark.parametrize(("tuned_cycles", "saved"), [(90, True), (200, False)])
def test_choices_are_kept_only_if_they_are_faster_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console, kws: bytes, tuned_cycles: int, saved: bool
) -> None:
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path / "tuning")
    monkeypatch.setattr(tune, "BUILD", tmp_path)
    monkeypatch.setattr(tune, "SIZES", (1, 2, 16))
    operators = [step.operator for step in compile_model(kws, "kws").program.steps]

    def fake(recipes: list[Recipe], _console: Console, done: object, cluster: str | None) -> None:
        assert callable(done)
        for recipe in recipes:
            choices = recipe.tuning.operators if recipe.tuning else {}
            sizes = {index: choice.columns or choice.band for index, choice in choices.items()}
            # No image that is tried has the best size of all operators.
            cycles = {index: 90 if sizes.get(index) == (16 if index else 2) else 100 for index in operators}
            if len(recipes) == 1:  # the best of each, together
                cycles = dict.fromkeys(operators, tuned_cycles)
            done(recipe, measured(*(cycles.get(index, 0) for index in range(max(operators) + 1))))

    monkeypatch.setattr(tune, "measure_recipes", fake)
    model = tmp_path / "kws.tflite"
    model.write_bytes(kws)
    path = run_tune(BOARD, "kws", model, "latency", console)
    assert (path is not None) == saved
    assert (tmp_path / "tuning").exists() == saved


def test_the_prefetch_is_set_the_other_way_where_that_is_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: Console, kws: bytes
) -> None:
    monkeypatch.setattr(tuning_files, "TUNING", tmp_path / "tuning")
    monkeypatch.setattr(tune, "BUILD", tmp_path)

    def fake(recipes: list[Recipe], _console: Console, done: object, cluster: str | None) -> None:
        assert callable(done)
        for recipe in recipes:
            other = recipe.tuning is not None and recipe.tuning.prefetch is True
            done(recipe, measured(*[90 if other else 100] * 20))

    monkeypatch.setattr(tune, "measure_recipes", fake)
    model = tmp_path / "kws.tflite"
    model.write_bytes(kws)
    assert run_tune(BOARD, "kws", model, "memory", console) is not None
    digest = hashlib.sha256(kws).hexdigest()
    assert load_tuning(BOARD.name, digest, "memory") == Tuning(prefetch=True)


def test_images_that_cost_the_same_are_one_point() -> None:
    recipes = [Recipe("kws", "m", BOARD.name, "latency", budget) for budget in (None, 1, 2, 3)]
    images = [measured(10, ram=9), measured(20, ram=5), measured(20, ram=5), measured(20, ram=6)]
    points = points_of(dict(zip(recipes, images, strict=True)))
    assert sorted((point.ram_budget or 0, point.on_front) for point in points) == [(0, True), (1, True), (3, False)]


def test_the_front_holds_what_nothing_beats() -> None:
    points = [measured(10, ram=9), measured(20, ram=5), measured(25, ram=5), measured(30, ram=6, flash=4000)]
    assert front(points) == [True, True, False, True]
    assert len(budgets(10_000, 80_000)) == explore.BUDGETS
    assert budgets(5000, 5000) == []


def test_picture_is_well_formed_with_a_title_per_image() -> None:
    points = [Point(None, measured(10, ram=9), True), Point(2048, measured(20, ram=5), False)]
    root = ElementTree.fromstring(explore_svg(points, BOARD, "a < b"))
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles[0] == "a < b"
    assert any("RAM <= 2,048" in title for title in titles)
