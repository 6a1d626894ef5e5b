#!/bin/bash
# Judges events of the shipped weights SIMULATED: on 12 simulated hours on which the settings were chosen, on 24 others, and on
# the real recordings; beside them an alarm for everyone who is there. events_choice.py tells of other settings.
#   projects/thermal_action/events.sh DATA OUTPUT
# Copies each events.json to results/. The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
cfg=configs/Thermal/SIMULATED.yaml

[ -e "$output/choose" ] || "$python" tools/thermal_data.py synthesize "$output/choose" --rooms 12 --continuous 1 --seed 5001
[ -e "$output/report" ] || "$python" tools/thermal_data.py synthesize "$output/report" --rooms 24 --continuous 1 --seed 6002
mkdir -p "$output/real"
[ -e "$output/real/truth.json" ] || "$python" tools/thermal_data.py truth "$data" "$output/real/truth.json"

predict() { # SET FRAMES
    for path in "$2"/*.h5; do
        folder=$output/scores/$1/$(basename "$path" .h5)
        [ -e "$folder/tracks.jsonl" ] ||
            "$python" -W ignore tools/predict.py --cfg "$cfg" --checkpoint SIMULATED --every 1 --output "$folder" "$path"
    done
    cat "$output/scores/$1"/*/tracks.jsonl > "$output/$1.jsonl"
}
predict choose "$output/choose/frames"
predict report "$output/report/frames"
predict real "$data/frames"

judge() { # NAME SCORES TRUTH [KEY VALUE ...]
    "$python" tools/evaluate_events.py "$2" "$3" --cfg "$cfg" --output "$output/judged/$1" "${@:4}"
    cp "$output/judged/$1/events.json" "$results/events_$1.json"
}
for set in choose report real; do
    judge "$set" "$output/$set.jsonl" "$output/$set/truth.json"
done
anyone() { # NAME SET
    "$python" -c '
import json, sys
for line in sys.stdin:
    record = json.loads(line)
    record["scores"] = {name: float(name == "lying down-lying with risk") for name in record["scores"]}
    print(json.dumps(record))
' < "$output/$2.jsonl" > "$output/$1.jsonl"
    judge "$1" "$output/$1.jsonl" "$output/$2/truth.json"
}
anyone anyone report
anyone anyone_real real
cp "$output/judged/report/events.png" projects/thermal_action/results/events_report.png
