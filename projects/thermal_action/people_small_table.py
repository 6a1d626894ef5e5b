#!/usr/bin/env python3
"""Prints the tables of README.md on PEOPLE_SMALL from the runs in results/ that people_small.sh made.

projects/thermal_action/people_small_table.py
"""

from simulated_table import print_tables

RUNS = {
    "SL14, SL18": "people_small_sl14_to_sl18",
    "SL18, SL14": "people_small_sl18_to_sl14",
    "given split": "people_small",
}

if __name__ == "__main__":
    print_tables(RUNS)
