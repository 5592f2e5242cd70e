"""The Unix sockets, and the handlers of requests."""
