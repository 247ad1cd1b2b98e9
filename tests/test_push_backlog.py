from signaling.shared.push import PushKind
from signaling.shared.push_backlog import EXPIRED, QUEUE_FULL, Backlog
from tests.push.jobs import NOW, job


def devices(backlog: Backlog, room: int = 100) -> list[str]:
    return [each.device for each in backlog.take(room)]


def test_calls_go_before_the_rest_and_each_in_order() -> None:
    backlog = Backlog(10)
    backlog.put(job(kind=PushKind.MISSED, device="m1"), now=NOW)
    backlog.put(job(device="c1"), now=NOW)
    backlog.put(job(kind=PushKind.ENDED, device="e1"), now=NOW)
    backlog.put(job(device="c2"), now=NOW)
    assert devices(backlog, 3) == ["c1", "c2", "m1"]
    assert devices(backlog) == ["e1"]
    assert len(backlog) == 0


def test_a_repeat_of_one_that_waits_is_the_same_job() -> None:
    backlog = Backlog(10)
    backlog.put(job(), now=NOW)
    assert backlog.put(job(), now=NOW) == []
    assert len(backlog) == 1


def test_a_full_one_drops_the_expired_first() -> None:
    backlog = Backlog(3)
    backlog.put(job(kind=PushKind.MISSED, device="m1"), now=NOW)
    backlog.put(job(device="late", expires_at=NOW + 10), now=NOW)
    backlog.put(job(device="c1"), now=NOW)
    dropped = backlog.put(job(kind=PushKind.MISSED, device="m2"), now=NOW + 10)
    assert [(each.job.device, each.reason) for each in dropped] == [("late", EXPIRED)]
    assert devices(backlog) == ["c1", "m1", "m2"]


def test_then_what_is_no_call_goes_for_a_call() -> None:
    backlog = Backlog(3)
    for device in ("m1", "m2"):
        backlog.put(job(kind=PushKind.MISSED, device=device), now=NOW)
    backlog.put(job(device="c1"), now=NOW)
    dropped = backlog.put(job(device="c2"), now=NOW)
    assert [(each.job.device, each.reason) for each in dropped] == [("m1", QUEUE_FULL)]
    assert devices(backlog) == ["c1", "c2", "m2"]


def test_a_call_does_not_go_for_anything() -> None:
    backlog = Backlog(2)
    for device in ("c1", "c2"):
        backlog.put(job(device=device), now=NOW)
    for kind in (PushKind.MISSED, PushKind.CALL):
        dropped = backlog.put(job(kind=kind, device="new"), now=NOW)
        assert [each.job.device for each in dropped] == ["new"]
    assert devices(backlog) == ["c1", "c2"]


def test_expired_ones_are_found_again_and_again() -> None:
    backlog = Backlog(2)
    backlog.put(job(device="c1", expires_at=NOW + 1), now=NOW)
    backlog.put(job(device="c2", expires_at=NOW + 2), now=NOW)
    found = [
        [each.job.device for each in backlog.put(job(device=device, expires_at=end), now=now)]
        for device, end, now in [
            ("c3", NOW + 9, NOW + 1),
            ("c4", NOW + 1.7, NOW + 1.5),
            ("c5", NOW + 9, NOW + 2),
        ]
    ]
    assert found == [["c1"], ["c4"], ["c2"]]
    assert devices(backlog) == ["c3", "c5"]
