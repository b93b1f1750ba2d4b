"""What a first collection is made of, without the demo around it: photographs with tags, and a tiny base model."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from curator.cli.demo.collection import lay_out
from curator.cli.shared.output import say, tell
from curator.contract.errors import UserError
from curator.contract.files.whole_files import drafted_folder
from curator.contract.locations import DEMO_MARKER


def bring(folder: Path) -> None:
    """Bring what is not there yet: `pictures`, and `base` where training is installed. What is there stays.

    Raises:
        UserError: the photographs are not installed, or the model cannot be written.
    """
    pictures, base = folder / "pictures", folder / "base"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DEMO_MARKER).touch()
    count = lay_out(pictures)
    tell(f"{count} photographs with tags written beside them in {pictures}")
    if importlib.util.find_spec("torch") is None:
        say("training is not installed, so no model is made: pip install 'frieze[train]'")
        return
    if not base.exists():
        _make_model(base)
    tell(f"a tiny base model with random weights in {base}")


def _make_model(base: Path) -> None:
    with drafted_folder(base) as draft:
        command = [sys.executable, "-m", "train.tiny.base", str(draft)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            raise UserError(
                "the tiny base model could not be made", said[-1] if said else "is the disk full?"
            )
