"""Marks tests that need root."""

import os

import pytest

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
