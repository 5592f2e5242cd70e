"""Clock, intervals, deadlines and backoff delays."""
