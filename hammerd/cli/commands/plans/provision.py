"""The command `hammerd provision`: makes what a pair lacks, step by step."""

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import read_one_pair
from hammerd.cli.options.location import config_flag, current_location, run_dir_option
from hammerd.cli.options.plan_arguments import confirmed_option, dry_run_option
from hammerd.cli.output.json_output import json_option

Option = str | bool | None


@click.command(epilog="Example: hammerd provision home --dry-run")
@click.argument("pair", callback=read_one_pair, shell_complete=complete_pairs)
@dry_run_option
@confirmed_option
@click.option("--master", metavar="PATH", help="The master of a pair that the config lacks.")
@click.option("--slave", metavar="PATH", help="The slave of a pair that the config lacks.")
@click.option("--master-pfs", metavar="LINK", help="The softlink of the master's PFS.")
@click.option("--slave-pfs", metavar="LINK", help="The softlink of the slave's PFS.")
@click.option("--fstab", is_flag=True, help="Add the null mount of the master to fstab.")
@click.option("--fstab-file", default="/etc/fstab", metavar="FILE", help="Another fstab.")
@click.option("--config", "writes_config", is_flag=True, help="Write the pair into the config.")
@json_option
@config_flag
@run_dir_option
def provision(pair: str, **options: Option) -> int:
    """Make what a pair lacks: its PFSs, mount, symlink, and the first copy.

    Runs only the steps that are missing, and shows each before it runs. Run again after an
    interruption, it goes on. It leaves alone what holds something else. --json is for --plan.
    Exits with 69 when it refuses, and with 75 when steps are left for a person on another host.
    """
    if options["as_json"] and not options["is_dry_run"]:
        raise click.UsageError("--json is for --plan")
    # Imported only here: --help needs nothing of this.
    from hammerd.cli.plans.runner import Order
    from hammerd.cli.provision.looker import Wishes
    from hammerd.cli.provision.pair_origin import Ends
    from hammerd.cli.provision.session import Session
    from hammerd.core.plans.record import PlanName

    order = Order(
        pair,
        PlanName.PROVISION,
        is_dry_run=bool(options["is_dry_run"]),
        is_confirmed=bool(options["is_confirmed"]),
        as_json=bool(options["as_json"]),
    )
    ends = Ends(_path(options["master"]), _path(options["slave"]))
    wishes = Wishes(
        _path(options["master_pfs"]),
        _path(options["slave_pfs"]),
        edits_fstab=bool(options["fstab"]),
        fstab=str(options["fstab_file"]),
    )
    session = Session(order, ends, wishes, writes_config=bool(options["writes_config"]))
    return session.carry_out(current_location())


def _path(value: Option) -> str | None:
    """Return a path without slashes at its end."""
    return value.rstrip("/") or value if isinstance(value, str) else None
