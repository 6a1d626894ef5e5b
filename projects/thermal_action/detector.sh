#!/bin/bash
# Trains PERSON_DETECTOR on one session and tests it on the other, and copies each run's test_metrics.json to results/:
#   projects/thermal_action/detector.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# Annotated boxes are moved by what `tools/thermal_data.py stats DATA THERMAL.TRAIN_RECORDINGS "['SL18_*']"` says of the training session.
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
source "$(dirname "$0")/settings.sh"

for seed in "${seeds[@]}"; do
    for pair in "SL18 SL14 [0.0140,0.0125]" "SL14 SL18 [0.0103,0.0158]"; do
        read -r train test shift <<<"$pair"
        across "$train" "$test"
        run "detector_${train,,}_to_${test,,}_seed$seed" PERSON_DETECTOR "$data" TRAIN.EVAL_PERIOD 1000 RNG_SEED "$seed" \
            THERMAL.BOX_SHIFT "$shift" "${sessions[@]}"
    done
done
