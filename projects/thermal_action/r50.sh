#!/bin/bash
# Trains and tests SLOWFAST_4x16_R50_SCRATCH across sessions, on blocks in time, and on simulated rooms, several runs at a time:
#   projects/thermal_action/r50.sh DATA OUTPUT [JOBS]      # 12 at a time if nothing is said; NUM_GPUS=0 runs them on a CPU
# Needs PYTHONPATH or the environment of the README. The same command goes on where it was stopped.
# OUTPUT.tar.gz holds every run's scores, OUTPUT/blocks/table.md and OUTPUT/rooms_*/table.md the tables.
set -euo pipefail
data=$(realpath "$1")
output=$(realpath -m "$2")
jobs=${3:-12}
cd "$(dirname "$0")/../.."
export PYTHON=${PYTHON:-python3} CUDA_MODULE_LOADING=LAZY OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
mkdir -p "$output/logs"

common="NUM_GPUS ${NUM_GPUS:-1} TRAIN.EVAL_PERIOD 1000 TRAIN.CHECKPOINT_PERIOD 1000 TENSORBOARD.ENABLE False LOG_PERIOD 100 ${EXTRA:-}"
real="--cfg configs/Thermal/SLOWFAST_4x16_R50_SCRATCH.yaml DATA.PATH_TO_DATA_DIR $data SPEED.RECORDINGS_ON_DEVICE True $common"
rooms="--cfg configs/Thermal/SLOWFAST_4x16_R50_SCRATCH.yaml DATA.PATH_TO_DATA_DIR $output/rooms $common \
TRAIN.BATCH_SIZE 16 TEST.BATCH_SIZE 64 SOLVER.BASE_LR 0.04 SOLVER.EPOCH_ITERS 100 SOLVER.MAX_EPOCH 15 DATA_LOADER.NUM_WORKERS 1 \
THERMAL.TEST_ANNOTATIONS ['annotations/test.json']"

make_rooms() {
    [ -e "$output/rooms" ] || projects/thermal_action/rooms.sh "$output/rooms"
}

fold_folders() { # Folds for all, and a folder with each alone, so that they can run side by side.
    [ -e "$output/folds" ] || "$PYTHON" tools/thermal_data.py split "$data" "$output/folds" --by block --folds 5 --guard 6
    for fold in "$output"/folds/*/; do
        mkdir -p "$output/alone/$(basename "$fold")"
        ln -sfn "$fold" "$output/alone/$(basename "$fold")/$(basename "$fold")"
    done
}

commands() {
    every="['annotations/train.json','annotations/val.json']"
    for size_seed in ${SIZES:-5000,0 5000,1 500,0 50,0 5000,2}; do
        echo tools/learning_curve.py "$rooms" --seeds 1 --size "${size_seed%,*}" RNG_SEED "${size_seed#*,}" OUTPUT_DIR "$output/rooms_20"
    done
    for seed in 0 1 2; do
        for sessions in "SL14 SL18" "SL18 SL14"; do
            read -r train test <<<"$sessions"
            echo tools/run_net.py "$real" RNG_SEED $seed OUTPUT_DIR "$output/r50_${train,,}_to_${test,,}_seed$seed" \
                THERMAL.TRAIN_ANNOTATIONS "$every" THERMAL.TRAIN_RECORDINGS "['${train}_*']" \
                THERMAL.TEST_ANNOTATIONS "$every" THERMAL.TEST_RECORDINGS "['${test}_*']"
        done
        for fold in "$output"/alone/*; do
            echo tools/cross_validate.py "$real" --folds "$fold" RNG_SEED $seed OUTPUT_DIR "$output/blocks"
        done
    done
}

one() { # NUMBER COMMAND: rooms may still be written when the first commands start.
    case $2 in *learning_curve*) until [ -e "$output/rooms" ]; do sleep 1; done ;; esac
    # shellcheck disable=SC2086
    "$PYTHON" $2 >"$output/logs/$1.log" 2>&1 || echo "failed: $output/logs/$1.log"
    echo "$(date +%T) run $1 ended"
}
export -f one
export output

collect() {
    tar czf "$output.tar.gz" --exclude "*.pyth" --exclude "report*" --exclude ./rooms --exclude ./rooms.part -C "$output" . || true
}
trap collect EXIT

fold_folders
make_rooms >"$output/logs/rooms.log" 2>&1 &
commands | awk '{print NR; print}' | tr '\n' '\0' | xargs -0 -n 2 -P "$jobs" bash -c 'one "$@"' _
wait
# shellcheck disable=SC2086
"$PYTHON" tools/cross_validate.py $real --folds "$output/folds" --seeds 3 OUTPUT_DIR "$output/blocks"
