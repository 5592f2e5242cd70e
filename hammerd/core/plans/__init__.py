"""Plans: what a pair's ends are, turned into the ordered steps that are missing. No I/O."""
