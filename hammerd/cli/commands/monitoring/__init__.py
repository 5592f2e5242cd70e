"""Commands that report to mail, monitors and browsers."""
