"""Stands in for a DragonFly kernel: a program named `hammer` for the demo and the tests."""
