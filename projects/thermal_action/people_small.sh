#!/bin/bash
# Trains and tests PEOPLE_SMALL on the given split and across sessions, and copies each run's test_metrics.json to results/:
#   projects/thermal_action/people_small.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
seeds=("${@:3}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
results=projects/thermal_action/results

run() { # NAME [KEY VALUE ...]
    [ -e "$results/$1.json" ] && return
    "$python" tools/run_net.py --cfg configs/Thermal/PEOPLE_SMALL.yaml DATA.PATH_TO_DATA_DIR "$data" TRAIN.EVAL_PERIOD 1000 \
        OUTPUT_DIR "$output/$1" "${@:2}"
    cp "$output/$1/test_metrics.json" "$results/$1.json"
}

every_keyframe="['annotations/train.json','annotations/val.json']"
for seed in "${seeds[@]}"; do
    for sessions in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$sessions"
        run "people_small_${train,,}_to_${test,,}_seed$seed" RNG_SEED "$seed" \
            THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['${train}_*']" \
            THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['${test}_*']"
    done
    run "people_small_seed$seed" RNG_SEED "$seed"
done
