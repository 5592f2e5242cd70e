"""Output of commands: text, numbers, tables, JSON, failures."""
