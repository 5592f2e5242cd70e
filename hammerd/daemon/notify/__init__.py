"""Notifications: runs the commands that tell a person of alarms."""
