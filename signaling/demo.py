"""The people of a first look: alice and bob, each with a phone."""

from dataclasses import dataclass

from signaling import linphone, passwords
from signaling.records import Records
from signaling.shared.config import Config, is_loopback
from signaling.shared.errors import OperatorError

_NAMES = ("alice", "bob")


@dataclass(frozen=True, slots=True)
class DemoUser:
    name: str
    password: str
    phone_secret: str


def check_demo(config: Config) -> None:
    """Raise OperatorError where others than this machine could log in to a demo."""
    for key, host in (("http.host", config.http.host), ("sip.host", config.sip.host)):
        if not is_loopback(host):
            raise OperatorError(
                f"--demo is for this machine alone: set {key} to 127.0.0.1 instead of {host},"
                " or leave --demo out and add people with wsphone user add"
            )


async def create_demo(records: Records) -> list[DemoUser]:
    """Add the demo's people if this very start made the database; otherwise nobody is added."""
    if not records.created:
        return []
    users = []
    for name in _NAMES:
        password = passwords.generate()
        account = await records.accounts.add(name, password, display_name=name.capitalize())
        _, secret = await records.phones.add(account, "Linphone")
        users.append(DemoUser(name, password, secret))
    return users


def demo_text(users: list[DemoUser], config: Config) -> str:
    """What to type where, to be printed once: nobody can read the passwords later."""
    host = f"[{config.http.host}]" if ":" in config.http.host else config.http.host
    page = f"http://{'localhost' if host == '127.0.0.1' else host}:{config.http.port}/"
    lines = ["Two people were made for a first look. Keep this: it is shown only once.\n"]
    for user in users:
        browser = [("Page", page), ("Username", user.name), ("Password", user.password)]
        lines += [f"\n{user.name}, in the browser:\n", linphone.block(browser)]
        typed = linphone.entries(config, user.name, user.phone_secret)
        lines += [f"{user.name}, in Linphone:\n", linphone.block(typed)]
    lines.append("\nCall the other by name. More people: wsphone user add NAME\n")
    return "".join(lines)
