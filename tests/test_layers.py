"""Imports point down: entry, shells, core, shared; what is private stays private."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("signaling", "media", "push")


class Layer(IntEnum):
    """A module imports from its own layer and from those below it."""

    SHARED = 0
    CORE = 1
    SHELL = 2
    ENTRY = 3


# Every module stands here once, without its package; a folder with "/*" stands for all in it.
LAYERS: dict[str, dict[Layer, str]] = {
    "signaling": {
        Layer.ENTRY: """
            __main__ call_commands client_side commands console device_commands media_side
            phone_side push_commands pushing serve server
        """,
        Layer.SHELL: """
            accounts admin_api api authority backup blocked call_api call_figures call_record
            callees client_socket config_report connection contacts databases demo device_requests
            devices directory ended_calls export front health history http hub lan late_ends
            linphone live_calls local_door logins mailbox media_link metrics metrics_api
            migrations/* pages passwords people phones provisioning push_figures push_jobs
            push_offer push_page push_proofs push_reports push_rows push_targets record_link
            recording_api recordings records removals requests retention revocations session_legs
            sessions store switchboard tables tls waking sip.admission sip.agent sip.phone_calls
            sip.push_contacts sip.registrations sip.streams sip.transport
        """,
        Layer.CORE: """
            branches call call_actions call_anchor call_digits call_early call_events call_hold
            call_model call_recording call_report call_setup call_state call_talk call_wake
            candidates guard metric_labels route session throttle timeline turn sip.acceptance
            sip.bans sip.compose sip.dialog sip.digest sip.effects sip.events sip.flow sip.framing
            sip.gate sip.info sip.leg sip.leg_table sip.message sip.moment sip.pn sip.proposal
            sip.registrar sip.reinvite sip.screen sip.stack sip.syntax sip.tally sip.timers
            sip.transaction sip.transaction_layer sip.uri sip.via
        """,
        Layer.SHARED: "shared/*",
    },
    "media": {
        Layer.ENTRY: "worker",
        Layer.SHELL: """
            addresses aiortc_engine aiortc_hooks bridge dtls_rtp fast_path fleet leg_maker music
            ng_client player ports pulse recorder reporter rtp_leg rtp_shield rtpengine_call
            rtpengine_digits rtpengine_engine rtpengine_instances rtpengine_leg rtpengine_links
            rtpengine_watch side sounds/* srtp uncompiled watch webrtc_leg worker_link
        """,
        Layer.CORE: """
            candidates codec comfort concealment descriptions dtmf engine fields framing g711 g722
            hold jitter keying latch libopus listeners negotiate ng ogg opus packet pcm places
            quality reception record_aware resample rtcp rtpengine_figures rtpengine_sdp sdes sdp
            seam settings stun tape transcode wire
        """,
    },
    "push": {
        Layer.SHELL: "access_token apns fcm https line origin providers webpush worker",
        Layer.CORE: """
            answers apns_words endpoints http2 linphone payload schedule sender vapid
        """,
    },
}

NOT_IN_CORE = frozenset(
    "aiohttp aioice aiortc aiosqlite asyncio os random redis secrets select selectors socket"
    " sqlalchemy subprocess threading time uuid uvloop".split()
)

# What a package may import of another one; entry modules join all of them.
SEAMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("media", "signaling"): ("signaling.shared",),
    ("push", "signaling"): ("signaling.shared",),
    ("signaling", "media"): ("media.engine",),
    ("signaling", "push"): (),
    ("media", "push"): (),
    ("push", "media"): (),
}

READ_THE_ENVIRONMENT = ("signaling.shared.config", "signaling.shared.config_sources")
KNOWS_LIBRARIES_INSIDE = "media.aiortc_hooks"


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @cached_property
    def layer(self) -> Layer | None:
        inner = self.name.partition(".")[2]
        for layer, names in LAYERS[self.package].items():
            for name in names.split():
                folder = name.removesuffix("/*")
                if inner == name or (folder != name and f"{inner}.".startswith(f"{folder}.")):
                    return layer
        return None

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        return tuple(ast.walk(self.tree))

    def imports(self) -> Iterator[str]:
        """The dotted names it imports; a name out of a package counts as a module of it."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.name}: imports are written in full"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def own_imports(self) -> Iterator["Module"]:
        """The modules of ours that it imports."""
        for name in self.imports():
            module = modules().get(name) or modules().get(name.rpartition(".")[0])
            if module is not None:
                yield module


@cache
def modules() -> dict[str, Module]:
    """All modules by name; the empty __init__ files, which import nothing, are left out."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text()
            if path.name == "__init__.py" and not text.strip():
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = Module(name, ast.parse(text, str(path)))
    return found


def listed(*layers: Layer) -> Iterator[Module]:
    return (module for module in modules().values() if module.layer in layers)


def test_every_module_has_its_layer() -> None:
    homeless = [module.name for module in modules().values() if module.layer is None]
    assert not homeless, f"name the layer of {', '.join(homeless)} in LAYERS of {__file__}"


def test_every_name_in_the_table_is_a_module() -> None:
    for package, layers in LAYERS.items():
        for name in " ".join(layers.values()).split():
            path = ROOT / package / name.removesuffix("/*").replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), f"{package} has no {name}"


def test_imports_point_down() -> None:
    wrong = [
        f"{module.name} ({module.layer.name}) imports {other.name} ({other.layer.name})"
        for module in listed(*Layer)
        for other in module.own_imports()
        if module.layer is not None and other.layer is not None and module.layer < other.layer
    ]
    assert not wrong, "\n".join(wrong)


def test_the_core_knows_neither_loop_nor_clock_nor_network() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in listed(Layer.CORE)
        for name in module.imports()
        if name.partition(".")[0] in NOT_IN_CORE
    ]
    assert not wrong, "\n".join(wrong)


def test_packages_meet_only_at_their_seams() -> None:
    wrong = [
        f"{module.name} imports {other.name}"
        for module in listed(Layer.SHELL, Layer.CORE, Layer.SHARED)
        for other in module.own_imports()
        if module.package != other.package
        and not other.name.startswith(SEAMS[module.package, other.package])
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_configuration_reads_the_environment() -> None:
    wrong = [
        f"{module.name} reads it"
        for module in modules().values()
        if module.name not in READ_THE_ENVIRONMENT and reads_the_environment(module)
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_touches_what_is_private_to_another_object() -> None:
    wrong = [
        f"{module.name}:{line} touches {name}"
        for module in modules().values()
        if module.name != KNOWS_LIBRARIES_INSIDE
        for line, name in private_names(module)
    ]
    assert not wrong, "\n".join(wrong)


def reads_the_environment(module: Module) -> bool:
    inside = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}
    imported = set(module.imports())
    return (
        "tomllib" in {name.partition(".")[0] for name in imported}
        or bool(imported & inside)
        or any(
            isinstance(node, ast.Attribute) and ast.unparse(node) in inside for node in module.nodes
        )
    )


def private_names(module: Module) -> Iterator[tuple[int, str]]:
    """Where it reaches for a name with a leading underscore that is not its own."""
    own = {
        node
        for scope in module.nodes
        if isinstance(scope, ast.ClassDef)
        for node in attributes_of_its_own(scope)
    }
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node not in own:
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            path = f"{node.module}".split(".")
            for name in (*path, *(alias.name for alias in node.names)):
                if is_private(name):
                    yield node.lineno, name


def attributes_of_its_own(scope: ast.ClassDef) -> Iterator[ast.Attribute]:
    """Uses within a class of what it has on `self` or `cls`: private means private to the class."""
    plain = [
        (node.value.id, node)
        for node in ast.walk(scope)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    ]
    names = {node.attr for owner, node in plain if owner in ("self", "cls")}
    return (node for _, node in plain if node.attr in names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")
