"""Times of the history after wall clocks that were wrong."""
