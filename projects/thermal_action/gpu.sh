#!/usr/bin/env bash
# gpu.sh WHEELS DATA OUTPUT [ARGUMENT ...]: the GPU benchmark on a machine without network, with the PyTorch that is there.
# The wheels of the folder WHEELS go into a folder of their own; ARGUMENTs are those of tools/benchmark.py.
set -eu
wheels=$(realpath "$1") data=$(realpath "$2") output=$(realpath -m "$3")
shift 3
python=${PYTHON:-python3}
site=$(mktemp -d)
trap 'rm -r "$site"' EXIT
"$python" -m pip install --quiet --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
cd "$(dirname "$0")/../.."
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
"$python" tools/benchmark.py gpu --data "$data" --output "$output" "$@"
