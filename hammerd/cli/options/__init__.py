"""Options and arguments that commands have in common."""
