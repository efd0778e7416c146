"""The command line: `invoke --list`. Its tasks are in `cli/`."""

from invoke.collection import Collection

from cli.firmware import build, export, flash, new_board, plan
from cli.house import clean, lint, test
from cli.models import data, evaluate, models, quantize, train
from cli.publishing import check, report, results, submission
from cli.runs import bench, board, boards, conformance, profile, runner, verify
from cli.studies import calibrate, engine_speed, explore, speed, tune

namespace = Collection(
    build,
    plan,
    export,
    new_board,
    flash,
    bench,
    verify,
    profile,
    conformance,
    runner,
    board,
    boards,
    speed,
    explore,
    tune,
    calibrate,
    engine_speed,
    models,
    data,
    train,
    quantize,
    evaluate,
    results,
    report,
    submission,
    check,
    lint,
    test,
    clean,
)
