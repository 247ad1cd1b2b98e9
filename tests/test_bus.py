"""The bus within one process."""

from signaling.shared.bus_memory import MemoryBus


def test_a_message_reaches_those_who_listen_when_it_is_sent() -> None:
    bus, heard = MemoryBus(), list[str]()
    end_first = bus.subscribe("topic", lambda message: heard.append(f"first {message}"))
    bus.publish("topic", 1)
    bus.subscribe("topic", lambda message: heard.append(f"second {message}"))
    bus.publish("topic", 2)
    bus.publish("another", 3)
    end_first()
    end_first()
    bus.publish("topic", 4)
    assert heard == ["first 1", "first 2", "second 2", "second 4"]


def test_a_listener_may_leave_while_it_is_told() -> None:
    bus, heard = MemoryBus(), list[str]()

    def once(message: str) -> None:
        heard.append(message)
        end()

    end = bus.subscribe("topic", once)
    bus.publish("topic", "one")
    bus.publish("topic", "two")
    assert heard == ["one"]
