"""Reports of the lag in the past: pure, from the samples and events of the history."""
