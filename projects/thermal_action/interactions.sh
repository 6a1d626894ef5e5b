#!/bin/bash
# Trains and tests SLOWFAST_4x16_R50_SCRATCH plain, plain with the gradient clipping of the interactions, with
# interactions, and with interactions and objects, on the given split and across sessions, and copies each run's
# test_metrics.json to results/:
#   projects/thermal_action/interactions.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
seeds=("${@:3}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=.venv/bin/python
results=projects/thermal_action/results

objects=$output/objects
if [ ! -e "$objects/annotations" ]; then
    mkdir -p "$objects"
    ln -sfn "$data/frames" "$objects/frames"
    "$python" tools/thermal_data.py convert "$data/raw_annotations" "$data/frames" "$objects/annotations" \
        --classes "$data/annotations/class_mapping.json" --split-as "$data/annotations"
fi

run() { # NAME CONFIGURATION DATA [KEY VALUE ...]
    [ -e "$results/$1.json" ] && return
    "$python" tools/run_net.py --cfg "configs/Thermal/$2.yaml" DATA.PATH_TO_DATA_DIR "$3" NUM_GPUS 0 TRAIN.EVAL_PERIOD 20 \
        OUTPUT_DIR "$output/$1" "${@:4}"
    cp "$output/$1/test_metrics.json" "$results/$1.json"
}

run_variants() { # SUFFIX [KEY VALUE ...]
    run "scratch$1" SLOWFAST_4x16_R50_SCRATCH "$data" "${@:2}"
    run "scratch_clipped$1" SLOWFAST_4x16_R50_SCRATCH "$data" SOLVER.CLIP_GRAD_L2NORM 1.0 "${@:2}"
    run "scratch_ia$1" SLOWFAST_4x16_R50_SCRATCH_IA "$data" "${@:2}"
    run "scratch_ia_objects$1" SLOWFAST_4x16_R50_SCRATCH_IA "$objects" IA.BLOCKS "['P','O','M','P','O','M']" "${@:2}"
}

every_keyframe="['annotations/train.json','annotations/val.json']"
for seed in "${seeds[@]}"; do
    run_variants "_seed$seed" RNG_SEED "$seed"
    for sessions in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$sessions"
        run_variants "_${train,,}_to_${test,,}_seed$seed" RNG_SEED "$seed" \
            THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['${train}_*']" \
            THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['${test}_*']"
    done
done
