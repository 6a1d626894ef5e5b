#!/bin/bash
# Trees, and PEOPLE_SMALL with and without interactions, on classes that depend on what others in the room do: simulated rooms that
# rooms.sh wrote, in which a person who lies with risk or gets there has someone up beside it or not, and anyone else has such a
# person in the room or not:
#   projects/thermal_action/rooms_company.sh ROOMS OUTPUT [SEED ...]      # seeds: 0 1 2 if none is given
# The same command goes on where it was stopped.
set -euo pipefail
source "$(dirname "$0")/rooms_settings.sh"

company=$output/company
if [ ! -e "$company/annotations" ]; then
    mkdir -p "$company/annotations.part"
    ln -sfn "$rooms/frames" "$company/frames"
    "$python" - "$rooms/annotations" "$company/annotations.part" <<'P'
import json, pathlib, sys
source, target = map(pathlib.Path, sys.argv[1:])
LYING = {"lying down-lying with risk", "transition-lying with risk transition"}
CLASSES = ["up, nobody lies with risk", "up, someone lies with risk", "lying with risk, nobody is up", "lying with risk, someone is up"]
for name in ("train.json", "test.json"):
    document = json.loads((source / name).read_text())
    lying, up = set(), set()
    for each in document["annotations"]:
        (lying if each["category_name"] in LYING else up).add(each["image_id"])
    for each in document["annotations"]:
        lies = each["category_name"] in LYING
        each["category_id"] = 2 * lies + (each["image_id"] in (up if lies else lying))
        each["category_name"] = CLASSES[each["category_id"]]
    document["categories"] = [{"id": number, "name": each} for number, each in enumerate(CLASSES)]
    (target / name).write_text(json.dumps(document))
P
    mv "$company/annotations.part" "$company/annotations"
fi

learn() { # NAME CONFIGURATION SEED SIZE
    "$python" -W ignore tools/learning_curve.py --cfg "configs/Thermal/$2.yaml" --size "$4" --seeds 1 "${common[@]}" "${unseen[@]}" \
        DATA.PATH_TO_DATA_DIR "$company" MODEL.NUM_CLASSES 4 RNG_SEED "$3" SOLVER.EPOCH_ITERS "$(iterations "$4")" OUTPUT_DIR "$output/$1"
}
for seed in "${seeds[@]}"; do
    for size in 500 1500; do
        learn trees TREES "$seed" "$size"
        learn network PEOPLE_SMALL "$seed" "$size"
        learn interactions PEOPLE_SMALL_IA "$seed" "$size"
    done
done
