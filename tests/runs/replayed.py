"""A stand-in for the program of `frieze runs verify-resume`: a replay that differs, with the keys of a real one."""

from __future__ import annotations

import json
import sys

REPORT = {
    "from_step": 1,
    "to_step": 2,
    "resumed_at": 0,
    "losses": 1,
    "tensors": 3,
    "states": [2],
    "first_difference": {"step": 2, "what": "weights.unet"},
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps({"done": 1, "total": 1, "report": REPORT}))
