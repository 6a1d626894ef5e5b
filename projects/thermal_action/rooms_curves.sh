#!/bin/bash
# Trains trees, and the recipe that rooms_choice.sh chose, on 50 to 5,000 keyframes of 2, 5 and 20 of the simulated rooms that
# rooms.sh wrote, and the R50 on up to 500 keyframes of 20 rooms, and tests on the 50 other rooms:
#   projects/thermal_action/rooms_curves.sh ROOMS OUTPUT
# The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "$0")/rooms_settings.sh"

# 3,200 iterations: the training's accuracy was still that of the held-back rooms after 850.
"$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/PEOPLE_SMALL.yaml --size 5000 --seeds 1 "${common[@]}" "${unseen[@]}" \
    "${fine[@]}" SOLVER.EPOCH_ITERS 320 OUTPUT_DIR "$output/rooms_20/network"
"$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/TREES.yaml --size 5000 --seeds 1 "${common[@]}" "${unseen[@]}" \
    OUTPUT_DIR "$output/rooms_20/trees"

# Fewer keyframes, of 20, 5 and 2 rooms, other ones with each seed where there are others.
curve() { # ROOMS SEED SIZE PATTERNS
    local of=("${common[@]}" "${unseen[@]}" RNG_SEED "$2" THERMAL.TRAIN_RECORDINGS "$4")
    "$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/TREES.yaml --size "$3" --seeds 1 "${of[@]}" \
        OUTPUT_DIR "$output/rooms_$1/trees"
    "$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/PEOPLE_SMALL.yaml --size "$3" --seeds 1 "${of[@]}" "${fine[@]}" \
        TRAIN.BATCH_SIZE 8 SOLVER.EPOCH_ITERS "$(iterations "$3")" SOLVER.MAX_EPOCH 20 OUTPUT_DIR "$output/rooms_$1/network"
}
five=("SIM00[1-5]*" "SIM00[6-9]*','SIM010*" "SIM01[1-5]*")
two=("SIM00[12]*" "SIM00[34]*" "SIM00[56]*")
for seed in 0 1 2; do
    for size in 50 200 500 1500; do curve 20 "$seed" "$size" "['*']"; done
done
for seed in 0 1 2; do
    for size in 50 200 500; do curve 2 "$seed" "$size" "['${two[seed]}']"; done
    for size in 50 200 500 1250; do curve 5 "$seed" "$size" "['${five[seed]}']"; done
done
for size in 50 200 500; do
    "$python" -W ignore tools/learning_curve.py --cfg configs/Thermal/SLOWFAST_4x16_R50_SCRATCH.yaml --size "$size" --seeds 1 \
        "${common[@]}" "${unseen[@]}" NUM_GPUS 0 SOLVER.EPOCH_ITERS "$(iterations "$size")" OUTPUT_DIR "$output/rooms_20/r50"
done
