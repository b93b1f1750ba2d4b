"""The JSON of every command: which shape `--json` prints, and why some commands have none."""

from __future__ import annotations

from typing import Literal, NamedTuple

from curator.cli.schemas import (
    caches,
    collection,
    edits,
    grids,
    images,
    managed_runs,
    manifests,
    model_files,
    models,
    publishing,
    runs,
    training,
)

Form = Literal["object", "list", "lines", "map", "map of texts", "number", "list of numbers", "events"]


class Output(NamedTuple):
    """What a command prints; `when` names the options that ask for this instead of the first.

    Objects have a schema. A list holds objects of `shape`, and so does a map, whose keys are data; lines are objects
    of `shape`, one a line. Events are lines of
    a run's log, each an object as docs/events.md has it.
    """

    shape: type | None
    form: Form = "object"
    when: str = ""


def _list(shape: type, when: str = "") -> Output:
    return Output(shape, "list", when)


_EDIT = (Output(edits.EditReport),)
_NAME = (Output(edits.NameReport),)
_STATE = (Output(runs.RunState),)
_EVENTS = Output(None, "events")

OUTPUTS: dict[str, tuple[Output, ...]] = {
    "scan": (Output(collection.ScanReport),),
    "quarantine": (_list(collection.QuarantinedRow),),
    "import": (Output(collection.ImportReport), Output(collection.ImportPlan, when="--dry-run, -n")),
    "ls": (
        _list(images.ImageRow),
        Output(None, "list of numbers", "--ids"),
        Output(None, "number", "--count"),
    ),
    "tag derive": (_list(edits.DeriveReport),),
    "tag clean": (Output(edits.CleanReport),),
    "tag again": (_list(edits.DueRule),),
    "tag relate": (Output(edits.CleanReport),),
    "tag tables": (Output(edits.TagTables),),
    "tag check-identifier": (Output(images.IdentifierReport),),
    "tag add": _EDIT,
    "tag remove": _EDIT,
    "tag rename": _EDIT,
    "tag order": _EDIT,
    "tag caption": _EDIT,
    "tag accept": (Output(models.AcceptReport),),
    "tag class": _NAME,
    "tag alias": _NAME,
    "tag write": (Output(edits.SidecarReport),),
    "tag list": (_list(images.TagRow), _list(images.BandRow, "--bands")),
    "tag find": (_list(images.FoundTag),),
    "pick": (Output(images.PickReport),),
    "dupes": (_list(images.CopyGroup), Output(images.DupesReport, when="--mark")),
    "facets": (_list(images.FacetRow), _list(images.ScoreBar, "--by")),
    "filter list": (_list(collection.FilterRow),),
    "filter save": _NAME,
    "filter remove": _NAME,
    "mark": _EDIT,
    "undo": (Output(edits.UndoReport),),
    "redo": (Output(edits.RedoReport),),
    "history": (_list(edits.CommitRow),),
    "stats": (Output(collection.StatsReport),),
    "doctor": (Output(collection.DoctorReport),),
    "verify": (Output(collection.VerifyReport),),
    "subset make-reg": (Output(manifests.MadeImages),),
    "subset list": (_list(manifests.SubsetRow),),
    "subset add": (Output(manifests.SubsetReport),),
    "subset put": (Output(manifests.SubsetReport),),
    "subset order": (Output(manifests.SubsetOrder),),
    "subset set": (Output(manifests.SubsetReport),),
    "subset overfit": (_list(manifests.OverfitRow),),
    "subset balance": (Output(manifests.BalanceReport),),
    "subset remove": _NAME,
    "buckets": (Output(images.BucketsReport), Output(images.SizesReport, when="--size, --sizes-from")),
    "captions": (_list(images.CaptionRow), Output(images.CaptionReport, when="--text")),
    "explain": (Output(images.Explanation),),
    "freeze": (Output(manifests.FreezeReport), Output(manifests.FreezeOutlook, when="--dry-run, -n")),
    "manifest diff": (Output(manifests.ManifestDiff),),
    "manifest export": (Output(collection.ManifestExport),),
    "manifest import": (Output(manifests.ManifestImport),),
    "manifest list": (_list(manifests.ManifestRow),),
    "manifest show": (Output(manifests.ManifestReport),),
    "manifest verify": (Output(manifests.ManifestCheck),),
    "manifest captions": (_list(images.EpochCaption),),
    "cache list": (_list(caches.CacheRow),),
    "cache verify": (Output(caches.CacheCheckReport),),
    "cache prune": (Output(caches.CachePrune),),
    "cache export": (Output(caches.CacheExport),),
    "export sqlite": (Output(collection.ExportReport),),
    "recipe list": (_list(training.PresetRow),),
    "recipe lr": (_list(training.RateFactor),),
    "recipe show": (Output(training.KeyValue, "map"), _list(training.KeyChange, "--against")),
    "recipe check": (Output(training.RecipeCheck),),
    "chain": (Output(training.ChainReport),),
    "recipe import": (Output(training.RecipeImport),),
    "recipe fields": (_list(training.KeyRow),),
    "adapter plan": (Output(training.AdapterPlan),),
    "report": (Output(collection.PageReport),),
    "sample": (Output(training.RenderReport), _list(training.PlannedSample, "--plan")),
    "model blocks": (Output(None, "map of texts"),),
    "model merge": (Output(model_files.MergeReport),),
    "model bake": (Output(model_files.BakeReport),),
    "model join": (Output(model_files.JoinReport),),
    "model convert": (Output(model_files.ConvertReport),),
    "model restore": (Output(model_files.RestoreReport),),
    "model extract": (Output(model_files.ExtractReport),),
    "model resize": (Output(model_files.ResizeReport),),
    "model info": (Output(model_files.ModelFileReport),),
    "model hash": (Output(model_files.HashReport),),
    "model diff": (Output(model_files.ModelDiff),),
    "model explain": (Output(publishing.OriginReport),),
    "publish": (
        Output(publishing.PublishReport),
        Output(publishing.PublicationPlan, when="--dry-run, -n"),
    ),
    "grid make": (Output(grids.GridReport), Output(grids.GridOutlook, when="--dry-run, -n")),
    "grid show": (Output(grids.GridView),),
    "grid judge": (Output(grids.GridComparison),),
    "grid choose": (Output(grids.GridChoice),),
    "models list": (_list(models.ModelRow),),
    "models show": (Output(models.ModelReport),),
    "models fetch": (Output(models.FetchReport),),
    "propose": (Output(models.JobStarted), Output(models.ProposeReport, when="--wait")),
    "proposals": (Output(models.ImageProposalsRow, "lines"), _list(models.LabelCount, "--counts")),
    "jobs list": (_list(models.JobRow),),
    "jobs follow": (Output(models.JobReport),),
    "jobs stop": (Output(models.JobRequest),),
    "jobs resume": (Output(models.JobRequest),),
    "train": (
        _EVENTS,
        Output(runs.TrainCheck, when="--dry-run, -n, --check"),
        Output(runs.RunStart, when="--detach, --nodes, --slurm"),
        Output(managed_runs.RunPlace, when="--queue"),
    ),
    "runs list": (_list(runs.RunRow),),
    "runs show": (Output(runs.RunReport),),
    "runs wait": _STATE,
    "runs follow": (_EVENTS,),
    "runs judge": (Output(runs.RunJudgement),),
    "runs stop": _STATE,
    "runs pause": _STATE,
    "runs resume": _STATE,
    "runs save": _STATE,
    "runs sample": _STATE,
    "runs verify-resume": (Output(runs.ReplayReport),),
    "runs queue": (_list(managed_runs.QueuedRun),),
    "runs compare": (Output(managed_runs.RunComparison),),
    "runs losses": (Output(managed_runs.RunLosses),),
    "runs export": (Output(managed_runs.RunExport),),
    "runs rename": (Output(managed_runs.RunName),),
    "runs delete": (Output(managed_runs.RunDeletion),),
    "runs fetch": (Output(publishing.FetchedRun),),
}
WITHOUT_JSON = {
    "batch": "each of its lines prints its own",
    "completion": "it prints a script for the shell",
    "demo": "it is a walk for a person; what it makes is listed by the commands it names",
}
