"""Tests of notifications without a daemon."""
