#!/bin/bash
# PEOPLE_SMALL and PEOPLE_FROM_SIMULATED across sessions with all annotated boxes moved by what `stats` tells of the training session
# (THERMAL.BOX_SHIFT). Copies each run's test_metrics.json to results/:
#   projects/thermal_action/shifted.sh DATA OUTPUT SIMULATED [SEED ...]     # seeds: 0 1 2 if none is given
# SIMULATED is the output folder of simulated.sh, whose seeds 1 and 2 give the weights; those of seed 0 are the package's.
# The same command goes on where it was stopped, and leaves out the runs that results/ has.
set -euo pipefail
simulated=$(realpath -m "$3")
set -- "$1" "$2" "${@:4}"
source "$(dirname "$0")/settings.sh"

for seed in "${seeds[@]}"; do
    weights=SIMULATED
    [ "$seed" = 0 ] || weights=$simulated/simulated_rooms_seed$seed/checkpoints/checkpoint_epoch_00005.pyth
    for pair in "SL14 SL18 [0.0103,0.0158]" "SL18 SL14 [0.0140,0.0125]"; do
        read -r train test shift <<<"$pair"
        across "$train" "$test"
        moved=(RNG_SEED "$seed" TRAIN.EVAL_PERIOD 1000 THERMAL.BOX_SHIFT "$shift" "${sessions[@]}")
        name=${train,,}_to_${test,,}_seed$seed
        run "shifted_people_small_$name" PEOPLE_SMALL "$data" "${moved[@]}"
        run "shifted_from_simulated_$name" PEOPLE_FROM_SIMULATED "$data" TRAIN.CHECKPOINT_FILE_PATH "$weights" "${moved[@]}"
    done
done
