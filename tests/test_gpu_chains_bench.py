"""The chains that are measured on a GPU, on a tiny SDXL: both are trained, and resumed exactly."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_one_script_trains_both_and_writes_one_file(tmp_path: Path) -> None:
    """S050, S060, S079."""
    file = tmp_path / "chains.json"
    done = subprocess.run(
        [ROOT / "bench" / "gpu" / "chains.sh", file, "--smoke", "--folder", tmp_path],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(file.read_text())
    assert [each["chain"] for each in told["chains"]] == ["kohaku-xl-delta", "swim-in-latent"]
    for each in told["chains"]:
        assert each["steps"] == 4
        assert each["images_per_second"] > 0
        assert each["peak_bytes"] > 0
        assert each["resume_is_exact"] is True
    lokr, whole = (each["weights_bytes"] for each in told["chains"])
    assert 0 < lokr < whole


def test_what_fails_is_told(tmp_path: Path) -> None:
    from bench.gpu import chains

    with pytest.raises(RuntimeError, match=r"frieze train: .*hint: .* \(code 2\)"):
        chains._frieze(tmp_path, "train", "nothing", "--recipe", "sdxl-lora", "--model", "base")
    assert "NOT exact" in chains._line(
        {"chain": "c", "images_per_second": 1.0, "peak_bytes": 1, "resume_is_exact": False}
    )
