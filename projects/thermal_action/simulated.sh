#!/bin/bash
# Trains SIMULATED on simulated people alone and tests it on each real session without a real label; then trains on one session
# from these weights, real and simulated clips together, and tests on the other. Copies each run's test_metrics.json to results/:
#   projects/thermal_action/simulated.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
source "$(dirname "$0")/settings.sh"

rooms=$output/rooms
[ -e "$rooms" ] || "$python" tools/thermal_data.py synthesize "$rooms" --rooms 24 --keyframes 600 --val-fraction 0.99 --seed 77

for seed in "${seeds[@]}"; do
    run "simulated_rooms_seed$seed" SIMULATED "$rooms" RNG_SEED "$seed"
    weights=$output/simulated_rooms_seed$seed/checkpoints/checkpoint_epoch_00005.pyth
    for pair in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$pair"
        across "$train" "$test"
        run "simulated_to_${test,,}_seed$seed" SIMULATED "$data" TRAIN.ENABLE False TEST.CHECKPOINT_FILE_PATH "$weights" "${tested[@]}"
        run "from_simulated_${train,,}_to_${test,,}_seed$seed" PEOPLE_FROM_SIMULATED "$data" RNG_SEED "$seed" \
            TRAIN.CHECKPOINT_FILE_PATH "$weights" TRAIN.EVAL_PERIOD 30 "${sessions[@]}"
    done
done
