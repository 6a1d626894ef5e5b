#!/usr/bin/env python3
"""Writes table.md and table.csv of a sweep's runs: mean and spread of the mAP over the seeds of each setting.

tools/sweep_table.py FOLDER

Example: two seeds. tools/slurm/sweep.sbatch names its runs so.

    tools/run_net.py --cfg configs/Thermal/TREES.yaml DATA.PATH_TO_DATA_DIR my_data RNG_SEED 0 OUTPUT_DIR output/sweep/RNG_SEED=0
    tools/run_net.py --cfg configs/Thermal/TREES.yaml DATA.PATH_TO_DATA_DIR my_data RNG_SEED 1 OUTPUT_DIR output/sweep/RNG_SEED=1
    tools/sweep_table.py output/sweep
"""

import argparse
from pathlib import Path

from slowfast_thermal.errors import exit_codes
from slowfast_thermal.evaluation.sweep import sweep_table
from slowfast_thermal.files import replacing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, help="holds a folder KEY=VALUE,...,RNG_SEED=N for each run"
    )
    with exit_codes():
        args = parser.parse_args()
        table = sweep_table(args.folder)
        text = table.to_markdown(index=False, floatfmt=".3f")
        for name, content in (("table.md", f"{text}\n"), ("table.csv", table.to_csv(index=False))):
            with replacing(args.folder / name) as temporary:
                Path(temporary).write_text(content, encoding="utf-8")
        print(text)


if __name__ == "__main__":
    main()
