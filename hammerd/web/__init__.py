"""A web server of its own process: the page, an API in JSON, and metrics for Prometheus."""
