"""Carries out the plans that change the roles of a pair: promote, switchover and reseed."""

from collections.abc import Mapping
from dataclasses import replace

from hammerd.cli.check.present_slave import with_newest_slave
from hammerd.cli.options.plan_arguments import PlanArguments
from hammerd.cli.output.failures import CommandFailed
from hammerd.cli.plans.config_edit import edit_config
from hammerd.cli.plans.files import read_text
from hammerd.cli.plans.roles.ends import Wanted
from hammerd.cli.plans.roles.session import Session
from hammerd.cli.plans.runner import Order
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.plans.record import PlanName, PlanRecord
from hammerd.core.plans.roles import promotion, reseed, reseed_sides, switchover
from hammerd.core.plans.roles.facts import PairFacts, Role
from hammerd.core.plans.roles.reseed import Choice
from hammerd.core.plans.roles.switchover import PROOF_NAME
from hammerd.core.plans.roles.turn import Turn
from hammerd.core.plans.steps import Plan, Refused


def promote(arguments: PlanArguments, *, goes_back: bool) -> int:
    """Carry out a promotion, or the way back from one that did not reach its upgrade.

    Raises:
        HammerdError: the plan was refused, or a step failed.
    """
    session, order = Session(arguments.pair), _order(arguments, PlanName.PROMOTE)
    look = session.look()
    slave = Wanted(
        has_status=True,
        only_of_slave=True,
        is_read=True,
        open_files_as=frozenset({Role.SLAVE}),
    )
    planner = promotion.plan_undo if goes_back else promotion.plan_promotion
    look = replace(look, slave=slave, may_hang=True, orient=_to_promote)
    return session.carry_out(order, look, planner)


def _to_promote(pair: Pair, record: PlanRecord | None) -> Pair:
    return switchover.oriented(with_newest_slave(pair), record)


def switch_over(arguments: PlanArguments, *, to: str, turns_config: bool, goes_back: bool) -> int:
    """Carry out a switchover, or the way back from one; `to` is the end to be the master.

    Raises:
        HammerdError: the plan was refused, or a step failed.
    """
    session, order = Session(arguments.pair), _order(arguments, PlanName.SWITCHOVER)
    if session.pair.rotate.takes_turns:
        message = f"the slaves of {order.pair} take turns: a switchover would leave the others out"
        raise CommandFailed(message, "promote one of them", code=Exit.UNAVAILABLE)
    look = session.look()
    look = replace(
        look,
        orient=switchover.oriented,
        master=_wanted(before=Role.MASTER, after=Role.SLAVE),
        slave=_wanted(before=Role.SLAVE, after=Role.MASTER),
    )

    def planner(facts: PairFacts) -> Plan | Refused:
        turn = _turn(session, switchover.turned_ends(facts)) if turns_config else None
        return switchover.plan_switchover(facts, turn, to)

    return session.carry_out(order, look, switchover.plan_undo if goes_back else planner)


def make_fresh_slave(
    arguments: PlanArguments, choice: Choice, *, at: str, turns_config: bool
) -> int:
    """Carry out a reseed; `at` is the softlink to make where nothing tells the old one.

    Raises:
        HammerdError: the plan was refused, or a step failed.
    """
    session = Session(arguments.pair)
    order = replace(_order(arguments, PlanName.RESEED), is_confirmed=bool(choice.lose))
    choice = replace(choice, is_confirmed=arguments.is_confirmed)
    wanted = Wanted(has_status=True, is_read=True, open_files_as=frozenset(Role))

    def orient(pair: Pair, record: PlanRecord | None) -> Pair:
        found = reseed_sides.oriented(pair, record)
        if not at or reseed_sides.is_own(record):
            return found
        return replace(found, master=Endpoint(at, found.master.host))

    def planner(facts: PairFacts) -> Plan | Refused:
        sides = reseed_sides.sides_of(facts, choice.lose)
        turn = None
        if turns_config and isinstance(sides, reseed_sides.Sides) and sides.is_turned:
            turn = _turn(session, reseed.turned_ends(facts, sides))
        return reseed.plan_reseed(facts, choice, turn)

    look = replace(session.look(), orient=orient, master=wanted, slave=wanted)
    return session.carry_out(order, look, planner)


def _wanted(*, before: Role, after: Role) -> Wanted:
    """Return what a switchover wants of an end that changes its role."""
    return Wanted(open_files_as=frozenset({before}), proof=PROOF_NAME, proof_as=after)


def _order(arguments: PlanArguments, plan: PlanName) -> Order:
    return Order(
        arguments.pair, plan, arguments.is_dry_run, arguments.is_confirmed, arguments.as_json
    )


def _turn(session: Session, keys: Mapping[str, str]) -> Turn:
    """Return the edit that turns the pair round in the config.

    Raises:
        CommandFailed: the config cannot be read or edited.
    """
    text = read_text(session.path)
    if text is None:
        raise CommandFailed(f"cannot read {session.path}: it is missing")
    return Turn(edit_config(session.path, text, session.pair.name, keys))
