"""Who answers the inputs of an accuracy run: one device, virtual boards in processes, or the workers of a cluster."""

import multiprocessing
import os
import signal
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from common.errors import UserError
from harness.dataset import Input
from harness.worker import Job, Report, Worker, work

CHUNK = 4  # inputs of one task: what an interrupted process loses at most
SCHEDULER_TIMEOUT_S = 10


def by_one(worker: Worker, inputs: Sequence[Input]) -> Generator[Report, None, None]:
    """One device, one input after the other; its port is released at the end or when the iterator is closed.

    Raises:
        UserError: as `Worker.answer`.
    """
    try:
        for item in inputs:
            yield worker.answer([item])
    finally:
        worker.close()


def by_processes(job: Job, inputs: Sequence[Input], jobs: int) -> Generator[Report, None, None]:
    """``jobs`` processes with a virtual board each; reports come as they are ready.

    Raises:
        UserError: as `Worker.answer`, or a process died.
    """
    chunks = _chunks(inputs)
    # Forked: the task runner's main module cannot be imported a second time.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(jobs, len(chunks)), context, _leave_signals_to_parent) as pool:
        try:
            for future in as_completed([pool.submit(work, job, chunk) for chunk in chunks]):
                yield future.result()
        except BrokenProcessPool as error:
            raise UserError(
                "a process with a virtual board was killed, perhaps for lack of memory; run again with fewer --jobs"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
                process.join()
            raise


def by_cluster(job: Job, inputs: Sequence[Input], address: str) -> Generator[Report, None, None]:
    """The workers of a Dask scheduler, each with the board that is plugged in there, else a virtual one.

    Raises:
        UserError: Dask is not installed, no scheduler or no worker is there, or as `Worker.answer`.
    """
    try:
        import distributed
    except ImportError as error:
        raise UserError("--dask needs Dask; install it with `.venv/bin/pip install distributed`") from error
    try:
        client = distributed.Client(address, timeout=SCHEDULER_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"no Dask scheduler at {address} ({error}); start one with `dask scheduler`") from error
    with client, client.as_current():
        if not client.scheduler_info()["workers"]:
            raise UserError(f"the scheduler at {address} has no workers; start some with `dask worker {address}`")
        everywhere = client.scatter(job, broadcast=True)
        futures = [client.submit(work, everywhere, chunk, pure=False) for chunk in _chunks(inputs)]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except distributed.KilledWorker as error:
            raise UserError(f"workers died again and again ({error}); see their logs") from error
        finally:
            client.cancel(futures)


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(inputs: Sequence[Input]) -> list[Sequence[Input]]:
    return [inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK)]


def _leave_signals_to_parent() -> None:
    """Ctrl-C reaches every process of the terminal; the parent ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
