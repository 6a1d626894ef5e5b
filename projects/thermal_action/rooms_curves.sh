#!/bin/bash
# Trains on simulated rooms that rooms.sh wrote: first recipes of PEOPLE_SMALL on 16 of the 20 training rooms, tested on the other
# four; then trees and the chosen recipe on all 20, tested on the 50 other rooms:
#   projects/thermal_action/rooms_curves.sh ROOMS OUTPUT
# The same command goes on where it was stopped.
set -euo pipefail
rooms=$(realpath "$1")
output=$(realpath -m "$2")
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

common=(DATA.PATH_TO_DATA_DIR "$rooms" TRAIN.EVAL_PERIOD 1000 TRAIN.CHECKPOINT_PERIOD 1000 TENSORBOARD.ENABLE False LOG_PERIOD 100
    THERMAL.BASELINES False)
held_back=(THERMAL.TEST_ANNOTATIONS "['annotations/train.json']"
    THERMAL.TRAIN_RECORDINGS "['SIM00*','SIM010*','SIM011*','SIM012*','SIM013*','SIM014*','SIM015*','SIM016*']"
    THERMAL.TEST_RECORDINGS "['SIM017*','SIM018*','SIM019*','SIM020*']")
unseen=(THERMAL.TEST_ANNOTATIONS "['annotations/test.json']")

# 27,200 keyframes: about 37,000 people.
short=(TRAIN.BATCH_SIZE 32 TEST.BATCH_SIZE 64 SOLVER.EPOCH_ITERS 85 SOLVER.MAX_EPOCH 10)
background=(THERMAL.CHANNELS "['less_median','difference','less_background']" DATA.INPUT_CHANNEL_NUM "[3,3]"
    DATA.MEAN "[0.0,0.0,0.0]" DATA.STD "[0.1,0.05,0.1]" TRAIN.MIXED_PRECISION True SPEED.CHANNELS_LAST True)
fine=("${short[@]}" "${background[@]}" RESNET.SPATIAL_STRIDES "[[1,1],[1,1],[2,2],[1,1]]" DETECTION.SPATIAL_SCALE_FACTOR 8
    THERMAL.CLIP_SECONDS 8.0 MODEL.DROPOUT_RATE 0.0)

try() { # NAME CONFIGURATION [KEY VALUE ...]
    [ -e "$output/choice/$1/test_metrics.json" ] || "$python" -W ignore tools/run_net.py --cfg "configs/Thermal/$2.yaml" \
        "${common[@]}" "${held_back[@]}" OUTPUT_DIR "$output/choice/$1" "${@:3}"
}
turned=(THERMAL.PERSON_CROPS.OUTWARD_UP False THERMAL.AUG.ROTATION 180.0)
mask=(THERMAL.CHANNELS "['less_median','difference','less_background','box_mask']" DATA.INPUT_CHANNEL_NUM "[4,4]"
    DATA.MEAN "[0.0,0.0,0.0,0.0]" DATA.STD "[0.1,0.05,0.1,1.0]")
try trees TREES
try wide PEOPLE_SMALL "${short[@]}" "${background[@]}" RESNET.WIDTH_PER_GROUP 16 "${turned[@]}"
try fine PEOPLE_SMALL "${fine[@]}" "${turned[@]}"
try fine_small_batches PEOPLE_SMALL "${fine[@]}" TRAIN.BATCH_SIZE 8 SOLVER.EPOCH_ITERS 340 "${turned[@]}"
try outward PEOPLE_SMALL "${fine[@]}"
try outward_place PEOPLE_SMALL "${fine[@]}" THERMAL.BOX_FEATURES size_and_place
try outward_place_mask PEOPLE_SMALL "${fine[@]}" THERMAL.BOX_FEATURES size_and_place "${mask[@]}"

"$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/TREES.yaml --size 50 --size 200 --size 500 --size 1500 --size 5000 \
    --seeds 1 "${common[@]}" "${unseen[@]}" OUTPUT_DIR "$output/trees"
# 3,200 iterations: the training's accuracy was still that of the held-back rooms after 850.
"$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/PEOPLE_SMALL.yaml --size 5000 --seeds 1 "${common[@]}" "${unseen[@]}" \
    "${fine[@]}" SOLVER.EPOCH_ITERS 320 OUTPUT_DIR "$output/network"
