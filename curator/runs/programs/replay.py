"""A run's steps trained once more by the trainer's own program, and compared with what is on record (row B01)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from curator.runs.programs.model_workshop import report_of

if TYPE_CHECKING:
    from curator.contract.progress import Progress
    from curator.contract.run.run_folder import RunFolder

PROGRAM = ("-m", "train.programs.verify_resume")


def replay(run: RunFolder, first: int | None, steps: int | None, progress: Progress) -> dict[str, Any]:
    """What the trainer's report says; as many processes train together as the run was made for.

    Raises:
        UserError: training is not installed, there is no such saved state, or the run cannot be trained any more.
    """
    processes = run.info().processes
    spread = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes))
    words = [f"--from={first}"] if first is not None else []
    words += [f"--steps={steps}"] if steps is not None else []
    program = [*(spread if processes > 1 else ()), *PROGRAM, *words, "--", str(run.path.absolute())]
    return report_of(program, progress, "the replay")
