"""Alarms: from reports of pairs to what a person is told."""
