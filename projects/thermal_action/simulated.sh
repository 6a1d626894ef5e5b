#!/bin/bash
# Trains SIMULATED on simulated people alone and tests it on each real session without a real label; then trains on one session
# from these weights, real and simulated clips together, and tests on the other. Copies each run's test_metrics.json to results/:
#   projects/thermal_action/simulated.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
seeds=("${@:3}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
results=projects/thermal_action/results

rooms=$output/rooms
[ -e "$rooms" ] || "$python" tools/thermal_data.py synthesize "$rooms" --rooms 24 --keyframes 600 --val-fraction 0.99 --seed 77

run() { # NAME CONFIGURATION DATA [KEY VALUE ...]
    [ -e "$results/$1.json" ] && return
    "$python" -W ignore tools/run_net.py --cfg "configs/Thermal/$2.yaml" DATA.PATH_TO_DATA_DIR "$3" OUTPUT_DIR "$output/$1" "${@:4}"
    cp "$output/$1/test_metrics.json" "$results/$1.json"
}

every_keyframe="['annotations/train.json','annotations/val.json']"
for seed in "${seeds[@]}"; do
    run "simulated_rooms_seed$seed" SIMULATED "$rooms" RNG_SEED "$seed"
    weights=$output/simulated_rooms_seed$seed/checkpoints/checkpoint_epoch_00005.pyth
    for sessions in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$sessions"
        tested=(THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['${test}_*']")
        run "simulated_to_${test,,}_seed$seed" SIMULATED "$data" TRAIN.ENABLE False TEST.CHECKPOINT_FILE_PATH "$weights" "${tested[@]}"
        run "from_simulated_${train,,}_to_${test,,}_seed$seed" PEOPLE_FROM_SIMULATED "$data" RNG_SEED "$seed" \
            TRAIN.CHECKPOINT_FILE_PATH "$weights" TRAIN.EVAL_PERIOD 30 \
            THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['${train}_*']" "${tested[@]}"
    done
done
