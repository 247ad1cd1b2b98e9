"""The `wsphone` command: its subcommands, what each does and what it prints."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from push.providers import check_senders
from signaling import (
    call_commands,
    config_report,
    device_commands,
    lan,
    linphone,
    passwords,
    push_commands,
)
from signaling.backup import restore_backup, write_backup
from signaling.console import (
    ACCOUNT,
    JSON,
    Argument,
    Arguments,
    Command,
    Console,
    Do,
    config_of,
    flag,
    when,
    with_records,
)
from signaling.demo import check_demo
from signaling.export import export_account
from signaling.records import Records, recordings_of
from signaling.shared.config import Config
from signaling.shared.errors import BadMessage, ConfigError, OperatorError, WSPhoneError
from signaling.shared.model import Account
from signaling.tls import CertificateFiles, Tls


def main(argv: Sequence[str] | None = None, *, console: Console | None = None) -> int:
    """Run one command; returns the exit status: 1 for a request refused, 2 for a wrong set-up."""
    console = console or Console(sys.stdin, sys.stdout, sys.stderr)
    arguments = _parser().parse_args(argv)
    command: Do = arguments.command
    try:
        return command(arguments, console)
    except OperatorError as error:
        return _fail(console, str(error), 2)
    except DBAPIError as error:
        return _fail(console, f"the database cannot be used: {error.orig}", 2)
    except WSPhoneError as error:
        return _fail(console, str(error), 1)
    except KeyboardInterrupt:
        return 130


def _fail(console: Console, text: str, status: int) -> int:
    console.stderr.write(f"wsphone: {' '.join(text.split())}\n")
    return status


def _run(arguments: Arguments, _console: Console) -> int:
    config = config_of(arguments)
    # Only who pushes needs the senders.
    from signaling import pushing

    if arguments.only is not None:
        pushing.check_joined(config)
    if arguments.only == "push":
        if arguments.lan or arguments.demo:
            raise ConfigError("--only push has nobody to serve: leave out --lan and --demo")
        pushing.become(getattr(arguments, "config", None))
    if arguments.lan:
        config = lan.opened(config)
    if arguments.demo:
        check_demo(config)
    # Only the server needs the media engine, which takes most of the start.
    from signaling import serve

    return serve.run(config, demo=arguments.demo, lan=arguments.lan, pushes=arguments.only is None)


def _backup(arguments: Arguments, console: Console) -> int:
    config, with_key = config_of(arguments), arguments.with_key
    count = asyncio.run(write_backup(config, arguments.file, with_key=with_key))
    console.say(f"{count} rows written to {arguments.file}")
    if with_key:
        console.say("It holds the secret key: whoever has the file can read all of it.")
    else:
        console.say("It is of no use without the secret key: keep a copy of that, elsewhere.")
    folder = recordings_of(config)
    if any(folder.glob("*")):
        console.say(f"Recordings are not in it: copy {folder} as well, they are encrypted.")
    return 0


def _restore(arguments: Arguments, console: Console) -> int:
    count = asyncio.run(restore_backup(config_of(arguments), arguments.file))
    console.say(f"{count} rows restored from {arguments.file}")
    return 0


def _check_config(arguments: Arguments, console: Console) -> int:
    config = config_of(arguments)
    if config.tls.cert is not None and config.tls.key is not None:
        Tls(CertificateFiles(config.tls.cert, config.tls.key))
    check_senders(config)
    shown = config_report.shown(config)
    if arguments.json:
        console.say_json(shown)
        return 0
    console.say("The configuration is fine:")
    console.say(linphone.block(list(config_report.lines(shown))))
    return 0


def _version(arguments: Arguments, console: Console) -> int:
    number = version("wsphone")
    if arguments.json:
        console.say_json({"version": number})
    else:
        console.say(f"wsphone {number}")
    return 0


async def _user_add(a: Arguments, config: Config, records: Records, console: Console) -> None:
    if a.name in config.calls.emergency_numbers:
        raise BadMessage(
            f"{a.name} is an emergency number (calls.emergency_numbers): calls to it would never"
            " ring this account"
        )
    password = console.read_secret() if a.password_stdin else passwords.generate()
    account = await records.accounts.add(
        a.name, password, display_name=a.display_name, is_admin=a.admin
    )
    _say_account(a, console, account, None if a.password_stdin else password, "added")


async def _user_passwd(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.name)
    password = console.read_secret() if a.password_stdin else passwords.generate()
    await records.accounts.set_password(account.id, password)
    generated = None if a.password_stdin else password
    _say_account(a, console, account, generated, "has a new password")


def _say_account(
    a: Arguments, console: Console, account: Account, generated: str | None, done: str
) -> None:
    shown = {} if generated is None else {"password": generated}
    if a.json:
        console.say_json({"account": asdict(account)} | shown)
        return
    console.say(f"{account.address} {done}")
    if generated is not None:
        console.say(f"password: {generated}")


async def _user_list(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    everybody = await records.accounts.all()
    if a.json:
        console.say_json([asdict(account) for account in everybody])
        return
    for account in everybody:
        role = "  admin" if account.is_admin else ""
        console.say(f"{account.address}  {account.display_name}{role}")


async def _user_remove(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.name)
    await records.remove_account(account.id)
    console.say(f"{account.address} removed, with all that was kept about it")


async def _user_export(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.name)
    console.say_json(await export_account(records, account))


async def _phone_add(a: Arguments, config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.account)
    given = console.read_secret() if a.secret_stdin else None
    phone, secret = await records.phones.add(account, a.name, secret=given)
    if a.json:
        credential = {
            "username": account.name,
            "secret": secret,
            "domain": config.domain,
            "proxy": linphone.proxy_of(config),
        }
        console.say_json(asdict(phone) | credential)
        return
    console.say(f"phone {phone.id} of {account.address} added. Type into it:")
    console.say(linphone.block(linphone.entries(config, account.name, secret)))


async def _phone_list(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.account)
    phones = await records.phones.all(account.id)
    if a.json:
        console.say_json([asdict(phone) for phone in phones])
        return
    for phone in phones:
        console.say(f"{phone.id}  {when(phone.created_at)}  {phone.name}")


async def _phone_remove(a: Arguments, _config: Config, records: Records, console: Console) -> None:
    account = await records.accounts.find_named(a.account)
    await records.phones.remove(account, a.phone)
    console.say(f"phone {a.phone} of {account.address} removed")


_NAME = Argument("name", {"metavar": "NAME"})
_FILE = Argument("file", {"metavar": "FILE", "type": Path})
_PASSWORD = flag("--password-stdin", "read the password instead of generating one")
_GROUPS = {
    "user": "the people who can log in",
    "phone": "the SIP phones of an account",
    "push": "what wakes phones",
    "device": "the apps and browsers of an account, and where they are pushed",
}
_COMMANDS: list[Command] = [
    (
        "run",
        "start the server",
        _run,
        [
            flag("--demo", "add alice and bob at the first start"),
            flag("--lan", "be reached by every device of the house, over HTTPS"),
            Argument(
                "--only",
                {"choices": ["web", "push"], "help": "one of the processes that Redis joins"},
            ),
        ],
    ),
    ("check-config", "read the configuration and show it", _check_config, [JSON]),
    (
        "backup",
        "write all that the database holds to a new file",
        _backup,
        [_FILE, flag("--with-key", "also the secret key, which makes the file readable")],
    ),
    ("restore", "fill an empty database from a backup", _restore, [_FILE]),
    ("version", "show the version", _version, [JSON]),
    (
        "user add",
        "add somebody",
        with_records(_user_add),
        [
            _NAME,
            Argument("--display-name", {"default": "", "metavar": "TEXT"}),
            flag("--admin", "who may look after others"),
            _PASSWORD,
            JSON,
        ],
    ),
    ("user list", "show everybody", with_records(_user_list), [JSON]),
    (
        "user passwd",
        "set a new password and end all logins",
        with_records(_user_passwd),
        [_NAME, _PASSWORD, JSON],
    ),
    ("user remove", "remove somebody and all their data", with_records(_user_remove), [_NAME]),
    ("user export", "print all data of somebody as JSON", with_records(_user_export), [_NAME]),
    (
        "phone add",
        "add a phone and show what to type into it",
        with_records(_phone_add),
        [
            ACCOUNT,
            Argument("--name", {"default": "", "metavar": "TEXT"}),
            flag("--secret-stdin", "read the secret instead of generating one"),
            JSON,
        ],
    ),
    ("phone list", "show the phones", with_records(_phone_list), [ACCOUNT, JSON]),
    (
        "phone remove",
        "make a phone's secret worthless",
        with_records(_phone_remove),
        [ACCOUNT, Argument("phone", {"metavar": "PHONE", "help": "its id, see phone list"})],
    ),
    *call_commands.COMMANDS,
    *device_commands.COMMANDS,
    *push_commands.COMMANDS,
]


def _parser() -> argparse.ArgumentParser:
    # Suppressed, so that a subcommand without --config leaves alone what came before it.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        default=argparse.SUPPRESS,
        metavar="FILE",
        help="read FILE instead of wsphone.toml",
    )
    parser = argparse.ArgumentParser(
        prog="wsphone", description="A phone system of your own.", parents=[common]
    )
    groups = {"": parser.add_subparsers(metavar="COMMAND", required=True)}
    for group, help_ in _GROUPS.items():
        inner = groups[""].add_parser(group, help=help_, description=help_, parents=[common])
        groups[group] = inner.add_subparsers(metavar="COMMAND", required=True)
    for words, help_, run, its_arguments in _COMMANDS:
        group, _, name = words.rpartition(" ")
        command = groups[group].add_parser(name, help=help_, description=help_, parents=[common])
        command.set_defaults(command=run)
        for argument in its_arguments:
            command.add_argument(argument.name, **argument.options)
    return parser
