"""mini-swe-agent: a trajectory, which is written over by each run."""
