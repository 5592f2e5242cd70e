"""The commands `hammerd promote`, `switchover` and `reseed`, which change the roles of a pair."""

import click

from hammerd.cli.options.plan_arguments import (
    PlanArguments,
    goes_back_option,
    takes_plan_arguments,
    turns_config_option,
)


@click.command(epilog="Example: hammerd promote home --plan")
@goes_back_option
@takes_plan_arguments
def promote(arguments: PlanArguments, *, goes_back: bool) -> int:
    """Make the slave of PAIR a master, for the day its master is lost.

    The plan tells first what would be lost, who holds files of the slave, and what to do and not
    to do afterwards. The stream is ended, and the pair stays held over restarts and boots, until
    it is reseeded or resumed. Works also when the master, its disk or hammerd is dead.
    """
    # Imported only here: --help needs none of it.
    from hammerd.cli.plans.roles import changes

    return changes.promote(arguments, goes_back=goes_back)


@click.command(epilog="Example: hammerd switchover home --config")
@click.option("--to", default="", metavar="PATH", help="The end to be the master, for scripts.")
@turns_config_option
@goes_back_option
@takes_plan_arguments
def switchover(arguments: PlanArguments, *, to: str, turns_config: bool, goes_back: bool) -> int:
    """Make the slave of PAIR the master, and its master the slave, without loss.

    Refused while files are open on the master, and while the TIDs of the slave's file system are
    not above those of the master: then it tells how to raise them. Each step is checked; a
    switchover that was interrupted goes on when the command is run again.
    """
    # Imported only here: --help needs none of it.
    from hammerd.cli.plans.roles import changes

    return changes.switch_over(arguments, to=to, turns_config=turns_config, goes_back=goes_back)


@click.command(epilog="Example: hammerd reseed home --plan")
@click.option("--lose", default="", metavar="PATH", help="The end that is lost, for scripts.")
@click.option("--at", default="", metavar="PATH", help="The softlink to make, on a new disk.")
@turns_config_option
@click.option("--force", "is_forced", is_flag=True, help="Also a slave that shows no fault.")
@takes_plan_arguments
def reseed(
    arguments: PlanArguments, *, lose: str, at: str, turns_config: bool, is_forced: bool
) -> int:
    """Make the old master of PAIR, or its diverged slave, a fresh slave of the other end.

    Tells first when the two parted, and what only the lost one has. Which one is lost is never
    guessed: after a promotion it is the old master; two masters without a record of one are
    refused until --lose names it. Destroys nothing before the other end is seen to be a readable
    master. --yes is not enough: a script names the lost end by --lose.
    """
    # Imported only here: --help needs none of it.
    from hammerd.cli.plans.roles import changes
    from hammerd.core.plans.roles.reseed import Choice

    choice = Choice(lose, is_forced)
    return changes.make_fresh_slave(arguments, choice, at=at, turns_config=turns_config)
