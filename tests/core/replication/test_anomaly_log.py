"""An anomaly is kept with its values before and after, until each pair acknowledged it."""

from hammerd.core.pairs import Endpoint, Pair
from hammerd.core.replication.anomaly_log import MAX_KEPT, AnomalyLog, AnomalyName

A, B, C = Endpoint("/a"), Endpoint("/b"), Endpoint("/c")
AB, AC, BC = Pair("ab", A, B), Pair("ac", A, C), Pair("bc", B, C)


def test_pair_has_the_anomalies_of_its_endpoints_in_their_role() -> None:
    log = AnomalyLog()
    for name in (AnomalyName.SLAVE_TID_WENT_BACK, AnomalyName.MASTER_TID_WENT_BACK):
        log.add(name, B, "2", "1", 0.0)
    log.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)

    assert [each.name.value for each in log.anomalies_of(AB)] == [
        "slave.tid_went_back",
        "end.role_changed",
    ]
    assert [each.name.value for each in log.anomalies_of(BC)] == ["master.tid_went_back"]


def test_anomaly_that_one_pair_acknowledged_stays_for_another() -> None:
    log = AnomalyLog()
    log.add(AnomalyName.MASTER_TID_WENT_BACK, A, "2", "1", 0.0)

    assert log.acknowledge(AB) == 1
    assert log.acknowledge(AB) == 0
    assert log.anomalies_of(AB) == ()
    assert len(log.anomalies_of(AC)) == 1
    log.add(AnomalyName.MASTER_TID_WENT_BACK, A, "3", "2", 1.0)
    assert len(log.anomalies_of(AB)) == 1


def test_restored_anomalies_come_first_until_acknowledged() -> None:
    first = AnomalyLog()
    first.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)
    first.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "2", "1", 2.0)
    left = first.anomalies_of(AB)

    log = AnomalyLog()
    log.restore("ab", left)
    log.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "3", "2", 3.0)

    assert [each.before for each in log.anomalies_of(AB)] == ["master", "2", "3"]
    assert log.anomalies_of(AC) == ()
    assert log.acknowledge(AB) == 3
    assert log.anomalies_of(AB) == ()
    log.add(AnomalyName.SLAVE_TID_WENT_BACK, B, "4", "3", 4.0)
    assert [each.before for each in log.anomalies_of(AB)] == ["4"]


def test_acknowledging_restored_anomalies_brings_nothing_back() -> None:
    log = AnomalyLog()
    log.add(AnomalyName.ROLE_CHANGED, A, "master", "slave", 1.0)
    new = log.anomalies_of(AB)
    log.acknowledge(AB)
    log.restore("ab", new)

    assert log.acknowledge(AB) == 1
    assert log.anomalies_of(AB) == ()


def test_number_of_anomalies_of_an_endpoint_is_bounded_over_many_runs() -> None:
    log = AnomalyLog()
    for number in range(3 * MAX_KEPT):
        log.restore("ab", log.anomalies_of(AB))
        log.add(AnomalyName.ROLE_CHANGED, A, str(number), "", 0.0)

    assert len(log.anomalies_of(AB)) == MAX_KEPT
    assert log.anomalies_of(AB)[-1].before == str(3 * MAX_KEPT - 1)


def test_only_the_last_anomalies_of_an_endpoint_are_kept() -> None:
    log = AnomalyLog()
    for number in range(3 * MAX_KEPT):
        log.add(AnomalyName.ROLE_CHANGED, A, str(number), "", 0.0)

    assert len(log.anomalies_of(AB)) == MAX_KEPT
    assert log.anomalies_of(AB)[-1].before == str(3 * MAX_KEPT - 1)
