# Read by the scripts that are called with DATA OUTPUT [SEED ...]; the seeds are 0 1 2 if none is given.
data=$(realpath "$1")
output=$(realpath -m "$2")
seeds=("${@:3}")
[ ${#seeds[@]} -gt 0 ] || seeds=(0 1 2)
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
results=projects/thermal_action/results

run() { # NAME CONFIGURATION DATA [KEY VALUE ...]: trains and tests what results/ lacks, and puts its test_metrics.json there
    [ -e "$results/$1.json" ] && return
    "$python" -W ignore tools/run_net.py --cfg "configs/Thermal/$2.yaml" DATA.PATH_TO_DATA_DIR "$3" OUTPUT_DIR "$output/$1" "${@:4}"
    cp "$output/$1/test_metrics.json" "$results/$1.json"
}

every_keyframe="['annotations/train.json','annotations/val.json']"
across() { # TRAINED TESTED: sets what trains on one session and tests on the other
    tested=(THERMAL.TEST_ANNOTATIONS "$every_keyframe" THERMAL.TEST_RECORDINGS "['$2_*']")
    sessions=(THERMAL.TRAIN_ANNOTATIONS "$every_keyframe" THERMAL.TRAIN_RECORDINGS "['$1_*']" "${tested[@]}")
}
