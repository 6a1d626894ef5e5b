#!/bin/bash
# Writes 70 simulated rooms, of which 20 are for training (5,000 keyframes) and 50 for testing:
#   projects/thermal_action/rooms.sh FOLDER
# annotations/test.json has a quarter of the test keyframes, in turn.
set -euo pipefail
python=${PYTHON:-.venv/bin/python}
folder=$(realpath -m "$1")
cd "$(dirname "$0")/../.."
"$python" tools/thermal_data.py synthesize "$folder.part" --rooms "${ROOMS:-70}" --keyframes "${KEYFRAMES:-17500}" --val-fraction 0.714 --seed 1001
"$python" - "$folder.part/annotations" <<'P'
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
document = json.loads((folder / "val.json").read_text())
document["images"] = document["images"][::4]
kept = {image["id"] for image in document["images"]}
document["annotations"] = [each for each in document["annotations"] if each["image_id"] in kept]
(folder / "test.json").write_text(json.dumps(document))
P
mv "$folder.part" "$folder"
