#!/bin/sh
# Measure training on this machine's GPU, in under eight minutes: bench/gpu/run.sh [FILE] [--smoke]
set -eu
cd "$(dirname "$0")/../.."
[ -x .venv/bin/python ] && PYTHON=.venv/bin/python
exec "${PYTHON:-python}" -m bench.gpu "$@"
