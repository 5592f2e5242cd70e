"""The lag of a cascade's last slave behind its first master is the sum of all lags."""

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.cascades import CascadeLag, Cascades, cascade_lag
from hammerd.core.replication.lag import UNKNOWN, Lag, LagVerdict

SECONDS = {"ab": 3.0, "bc": 4.0, "cd": 0.0}


def pair(name: str) -> Pair:
    return Pair(name, Endpoint(f"/{name[0]}"), Endpoint(f"/{name[1]}"))


AB, BC, CD = pair("ab"), pair("bc"), pair("cd")


def lag_of(one: Pair) -> Lag:
    return Lag(LagVerdict.BEHIND, seconds=SECONDS[one.name])


def test_lags_along_a_cascade_add_up() -> None:
    cascades = Cascades((CD, AB, BC))

    way = cascades.pairs_from_origin(CD)

    assert way == (AB, BC, CD)
    assert cascade_lag(way, lag_of) == CascadeLag(Endpoint("/a"), ("ab", "bc", "cd"), 7.0)
    assert cascade_lag(cascades.pairs_from_origin(BC), lag_of) == CascadeLag(
        Endpoint("/a"), ("ab", "bc"), 7.0
    )


def test_pair_without_upstream_is_no_cascade() -> None:
    assert cascade_lag(Cascades((AB, BC, pair("ax"))).pairs_from_origin(AB), lag_of) is None


def test_sum_with_an_unknown_part_is_unknown() -> None:
    way = Cascades((AB, BC)).pairs_from_origin(BC)

    found = cascade_lag(way, lambda one: UNKNOWN if one is AB else lag_of(one))

    assert found == CascadeLag(Endpoint("/a"), ("ab", "bc"), None)


def test_cycle_and_slave_of_two_pairs_are_no_cascade() -> None:
    assert Cascades((AB, pair("ba"))).pairs_from_origin(AB) == (AB,)
    assert Cascades((AB, pair("xb"), BC)).pairs_from_origin(BC) == (BC,)
    assert Cascades((pair("aa"),)).pairs_from_origin(pair("aa")) == (pair("aa"),)


def test_endpoint_with_two_paths_is_found_by_its_identity() -> None:
    below = Pair("below", Endpoint("/mnt/b"), Endpoint("/c"))

    def identity(endpoint: Endpoint) -> str:
        return {"/mnt/b": "/b"}.get(endpoint.path, endpoint.path)

    assert Cascades((AB, below)).pairs_from_origin(below) == (below,)
    assert Cascades((AB, below), identity).pairs_from_origin(below) == (AB, below)


def test_cascades_of_many_pairs_use_each_identity_a_few_times_only() -> None:
    pairs = [Pair(f"p{n}", Endpoint(f"/m{n}"), Endpoint(f"/s{n}")) for n in range(300)]
    asked: list[Endpoint] = []

    def identity(endpoint: Endpoint) -> str:
        asked.append(endpoint)
        return endpoint.path

    cascades = Cascades(pairs, identity)

    assert [cascades.pairs_from_origin(one) for one in pairs] == [(one,) for one in pairs]
    assert len(asked) == 2 * len(pairs)
