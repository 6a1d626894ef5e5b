#!/usr/bin/env python3
"""Trains and tests a detector, as PySlowFast's tool of this name does.

tools/run_net.py --cfg FILE [KEY VALUE ...]

Examples: trees on a data set; a network trained on it; the weights that come with the package tested on it.

    tools/run_net.py --cfg configs/Thermal/TREES.yaml DATA.PATH_TO_DATA_DIR my_data
    tools/run_net.py --cfg configs/Thermal/PEOPLE_FROM_SIMULATED.yaml DATA.PATH_TO_DATA_DIR my_data
    tools/run_net.py --cfg configs/Thermal/SIMULATED.yaml DATA.PATH_TO_DATA_DIR my_data \\
        TRAIN.ENABLE False TEST.CHECKPOINT_FILE_PATH SIMULATED
"""

import argparse
import os
import signal

# A signal waits until all is imported and can answer it.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT))
import slowfast_thermal  # noqa: E402, F401, registers the data set, the model and the configuration keys
from slowfast_thermal.config import load_config  # noqa: E402
from slowfast_thermal.engine.interruption import watched_signals  # noqa: E402
from slowfast_thermal.engine.launch import check_run, launch_run, launcher_place  # noqa: E402
from slowfast_thermal.errors import exit_codes  # noqa: E402


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cfg", dest="cfg_files", nargs="+", required=True, metavar="FILE", help="configurations, run in turn"
    )
    parser.add_argument("--init_method", default="tcp://localhost:9999", help="where several processes meet")
    parser.add_argument("--shard_id", type=int, default=0, help="this machine's number, from 0")
    parser.add_argument("--num_shards", type=int, default=1, help="number of machines")
    parser.add_argument(
        "--opts",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="KEY VALUE",
        help="override configuration keys; the word --opts may be left out",
    )
    args, rest = parser.parse_known_args()
    # `--cfg a.yaml KEY VALUE`: what follows the YAML files are overrides.
    files = [name for name in args.cfg_files if name.endswith((".yaml", ".yml"))]
    args.opts = args.cfg_files[len(files) :] + rest + args.opts
    args.cfg_files = args.cfg_files[: len(files)] or args.cfg_files[:1]
    return args


def main() -> None:
    with exit_codes():
        args = parse_args()
    # Given shards are PySlowFast's way, also where srun starts a task on each machine.
    place = launcher_place(os.environ) if args.num_shards == 1 else None
    machine = (place.num_shards, place.shard_id) if place else (args.num_shards, args.shard_id)
    with exit_codes(lambda message: place is None or place.local_rank == 0), watched_signals():
        for path in args.cfg_files:
            cfg = load_config(path, args.opts, ["NUM_SHARDS", str(machine[0]), "SHARD_ID", str(machine[1])])
            check_run(cfg, place)
            launch_run(cfg, args.init_method, place)


if __name__ == "__main__":
    main()
