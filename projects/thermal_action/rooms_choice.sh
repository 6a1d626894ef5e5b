#!/bin/bash
# Compares recipes of PEOPLE_SMALL on simulated rooms that rooms.sh wrote, trained on 16 of the 20 training rooms, tested on the other
# four; then PEOPLE_SMALL with and without each of its ingredients, trained on 500 keyframes of the 16 rooms:
#   projects/thermal_action/rooms_choice.sh ROOMS OUTPUT
# The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "$0")/rooms_settings.sh"

try() { # NAME CONFIGURATION [KEY VALUE ...]
    [ -e "$output/$1/test_metrics.json" ] || "$python" -W ignore tools/run_net.py --cfg "configs/Thermal/$2.yaml" \
        "${common[@]}" "${held_back[@]}" OUTPUT_DIR "$output/$1" "${@:3}"
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

vary() { # NAME [KEY VALUE ...]
    "$python" -W ignore tools/learning_curve.py --cfg "configs/Thermal/${configuration:-PEOPLE_SMALL}.yaml" --size 500 --seeds 2 "${common[@]}" \
        "${held_back[@]}" SOLVER.EPOCH_ITERS "$(iterations 500)" OUTPUT_DIR "$output/varied/$1" "${@:2}"
}
one_channel=(DATA.INPUT_CHANNEL_NUM "[1,1]" DATA.MEAN "[0.0]")
vary nothing
vary no_difference THERMAL.CHANNELS "['less_median']" "${one_channel[@]}" DATA.STD "[0.1]"
vary difference_alone THERMAL.CHANNELS "['difference']" "${one_channel[@]}" DATA.STD "[0.05]"
vary outward_anyhow "${turned[@]}"
vary not_turned THERMAL.AUG.ROTATION 0.0
vary not_mirrored THERMAL.AUG.FLIP False
vary not_scaled_or_shifted THERMAL.AUG.SCALE 0.0 THERMAL.AUG.SHIFT 0.0
vary no_gain THERMAL.AUG.TEMPERATURE_GAIN 0.0
vary no_box_size THERMAL.BOX_FEATURES none
vary classes_as_they_come THERMAL.CLASS_SAMPLING_POWER 0.0
vary no_dropout MODEL.DROPOUT_RATE 0.0
vary eight_seconds THERMAL.CLIP_SECONDS 8.0
configuration=PEOPLE_SMALL_IA vary interactions
