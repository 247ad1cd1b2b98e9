"""The heap of deadlines."""

from signaling.sip.timers import Deadlines


class TestDeadlines:
    def test_owners_come_due_in_the_order_of_their_times(self) -> None:
        deadlines: Deadlines[str] = Deadlines()
        for owner, at in (("b", 2.0), ("a", 1.0), ("c", 2.0)):
            deadlines.set(owner, at)
        assert deadlines.next() == 1.0
        assert deadlines.due(0.5) is None
        assert [deadlines.due(9.0) for _ in range(4)] == ["a", "b", "c", None]
        assert deadlines.next() is None

    def test_a_moved_deadline_comes_due_once(self) -> None:
        deadlines: Deadlines[str] = Deadlines()
        for at in (1.0, 5.0, 1.0, 3.0):
            deadlines.set("a", at)
        assert deadlines.next() == 3.0
        assert [deadlines.due(9.0), deadlines.due(9.0)] == ["a", None]

    def test_a_withdrawn_deadline_never_comes(self) -> None:
        deadlines: Deadlines[str] = Deadlines()
        deadlines.set("a", 1.0)
        deadlines.set("a", None)
        deadlines.set("never", None)
        assert deadlines.next() is None
        assert len(deadlines) == 0

    def test_outdated_entries_do_not_pile_up(self) -> None:
        deadlines: Deadlines[str] = Deadlines()
        for step in range(10_000):
            deadlines.set("a", float(step))
        assert deadlines.entries < 100
        assert deadlines.due(1e9) == "a"
