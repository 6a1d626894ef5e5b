#!/bin/bash
# Trains and tests SLOWFAST_4x16_R50_SCRATCH plain, plain with the gradient clipping of the interactions, with
# interactions, and with interactions and objects, on the given split and across sessions, and copies each run's
# test_metrics.json to results/:
#   projects/thermal_action/interactions.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
source "$(dirname "$0")/settings.sh"

objects=$output/objects
if [ ! -e "$objects/annotations" ]; then
    mkdir -p "$objects"
    ln -sfn "$data/frames" "$objects/frames"
    "$python" tools/thermal_data.py convert "$data/raw_annotations" "$data/frames" "$objects/annotations" \
        --classes "$data/annotations/class_mapping.json" --split-as "$data/annotations"
fi

common=(NUM_GPUS 0 TRAIN.EVAL_PERIOD 20)
run_variants() { # SUFFIX [KEY VALUE ...]
    run "scratch$1" SLOWFAST_4x16_R50_SCRATCH "$data" "${common[@]}" "${@:2}"
    run "scratch_clipped$1" SLOWFAST_4x16_R50_SCRATCH "$data" "${common[@]}" SOLVER.CLIP_GRAD_L2NORM 1.0 "${@:2}"
    run "scratch_ia$1" SLOWFAST_4x16_R50_SCRATCH_IA "$data" "${common[@]}" "${@:2}"
    run "scratch_ia_objects$1" SLOWFAST_4x16_R50_SCRATCH_IA "$objects" "${common[@]}" IA.BLOCKS "['P','O','M','P','O','M']" "${@:2}"
}

for seed in "${seeds[@]}"; do
    run_variants "_seed$seed" RNG_SEED "$seed"
    for pair in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$pair"
        across "$train" "$test"
        run_variants "_${train,,}_to_${test,,}_seed$seed" RNG_SEED "$seed" "${sessions[@]}"
    done
done
