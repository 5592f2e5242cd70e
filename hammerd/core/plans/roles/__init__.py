"""Plans that change the roles of a pair: promote, switchover, reseed. No I/O."""
