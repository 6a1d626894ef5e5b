#!/bin/bash
# Trains and tests PEOPLE_SMALL on the given split and across sessions, and copies each run's test_metrics.json to results/:
#   projects/thermal_action/people_small.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
source "$(dirname "$0")/settings.sh"

for seed in "${seeds[@]}"; do
    for pair in "SL14 SL18" "SL18 SL14"; do
        read -r train test <<<"$pair"
        across "$train" "$test"
        run "people_small_${train,,}_to_${test,,}_seed$seed" PEOPLE_SMALL "$data" TRAIN.EVAL_PERIOD 1000 RNG_SEED "$seed" "${sessions[@]}"
    done
    run "people_small_seed$seed" PEOPLE_SMALL "$data" TRAIN.EVAL_PERIOD 1000 RNG_SEED "$seed"
done
