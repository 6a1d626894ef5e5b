#!/bin/bash
# Trains PERSON_DETECTOR on one session and tests it on the other, and copies each run's test_metrics.json to results/:
#   projects/thermal_action/detector.sh DATA OUTPUT [SEED ...]     # seeds: 0 1 2 if none is given
# Annotated boxes are moved by what `tools/thermal_data.py stats DATA THERMAL.TRAIN_RECORDINGS "['SL18_*']"` says of the training session.
# The same command goes on where it was stopped, and leaves out the runs that results/ has. Only the last epoch is tested.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
seeds=("${@:3}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
results=projects/thermal_action/results

every_keyframe="['annotations/train.json','annotations/val.json']"
for seed in "${seeds[@]}"; do
    for sessions in "SL18 SL14 [0.0140,0.0125]" "SL14 SL18 [0.0103,0.0158]"; do
        read -r train test shift <<<"$sessions"
        name="detector_${train,,}_to_${test,,}_seed$seed"
        [ -e "$results/$name.json" ] && continue
        "$python" tools/run_net.py --cfg configs/Thermal/PERSON_DETECTOR.yaml DATA.PATH_TO_DATA_DIR "$data" \
            TRAIN.EVAL_PERIOD 1000 OUTPUT_DIR "$output/$name" RNG_SEED "$seed" THERMAL.BOX_SHIFT "$shift" \
            THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['${train}_*']" \
            THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['${test}_*']"
        cp "$output/$name/test_metrics.json" "$results/$name.json"
    done
done
