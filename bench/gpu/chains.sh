#!/bin/sh
# Train the first two chains of docs/chains at the true size of SDXL, 50 steps each: bench/gpu/chains.sh [FILE] [--smoke]
set -eu
cd "$(dirname "$0")/../.."
[ -x .venv/bin/python ] && PYTHON=.venv/bin/python
exec "${PYTHON:-python}" -m bench.gpu.chains "$@"
