"""Files of others in and out, checks, statistics, splits: what happens to data before a run."""
