#!/bin/bash
# Compares recipes of PEOPLE_SMALL inside each session alone, on two stretches of time with a guard of 6 s, so that what is tested
# across sessions stays unseen; prints mAP and t5 of the pooled scores:
#   projects/thermal_action/people_small_choice.sh DATA OUTPUT NAME [KEY VALUE ...]
# The same command goes on where it was stopped.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
name=$3
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

folds=$output/folds
[ -e "$folds" ] || "$python" tools/thermal_data.py split "$data" "$folds" --by block --folds 2 --guard 6
for session in SL14 SL18; do
    "$python" tools/cross_validate.py --cfg configs/Thermal/PEOPLE_SMALL.yaml --folds "$folds" DATA.PATH_TO_DATA_DIR "$data" \
        OUTPUT_DIR "$output/$name/$session" THERMAL.TRAIN_RECORDINGS "['${session}_*']" THERMAL.TEST_RECORDINGS "['${session}_*']" \
        TRAIN.EVAL_PERIOD 1000 TENSORBOARD.ENABLE False "${@:4}"
done
