#!/bin/bash
# PEOPLE_SMALL and PEOPLE_FROM_SIMULATED across sessions with all annotated boxes moved by what `stats` tells of the training session
# (THERMAL.BOX_SHIFT). Copies each run's test_metrics.json to results/:
#   projects/thermal_action/shifted.sh DATA OUTPUT SIMULATED [SEED ...]     # seeds: 0 1 2 if none is given
# SIMULATED is the output folder of simulated.sh, whose seeds 1 and 2 give the weights; those of seed 0 are the package's.
# The same command goes on where it was stopped, and leaves out the runs that results/ has.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
simulated=$(realpath -m "$3")
seeds=("${@:4}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
results=projects/thermal_action/results

every_keyframe="['annotations/train.json','annotations/val.json']"
for seed in "${seeds[@]}"; do
    weights=SIMULATED
    [ "$seed" = 0 ] || weights=$simulated/simulated_rooms_seed$seed/checkpoints/checkpoint_epoch_00005.pyth
    for sessions in "SL14 SL18 [0.0103,0.0158]" "SL18 SL14 [0.0140,0.0125]"; do
        read -r train test shift <<<"$sessions"
        for recipe in PEOPLE_SMALL PEOPLE_FROM_SIMULATED; do
            name=${recipe,,}
            name=shifted_${name/people_from_/from_}_${train,,}_to_${test,,}_seed$seed
            [ -e "$results/$name.json" ] && continue
            start=()
            [ "$recipe" = PEOPLE_SMALL ] || start=(TRAIN.CHECKPOINT_FILE_PATH "$weights")
            "$python" -W ignore tools/run_net.py --cfg "configs/Thermal/$recipe.yaml" DATA.PATH_TO_DATA_DIR "$data" \
                RNG_SEED "$seed" "${start[@]}" TRAIN.EVAL_PERIOD 1000 THERMAL.BOX_SHIFT "$shift" \
                THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['${train}_*']" \
                THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['${test}_*']" OUTPUT_DIR "$output/$name"
            cp "$output/$name/test_metrics.json" "$results/$name.json"
        done
    done
done
