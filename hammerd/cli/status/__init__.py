"""Lays out a status: table, columns, notes, a monitoring plugin's verdict."""
