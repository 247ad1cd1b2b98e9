"""Which pushes this server is set up to send, as phones and apps are told."""

from signaling.shared.config import Config
from signaling.shared.device_messages import PushInfo
from signaling.shared.keys import webpush_key_of
from signaling.shared.push import Provider
from signaling.shared.push_checks import Apps
from signaling.sip.pn import Offer


def apps_of(config: Config) -> Apps:
    """The apps that each provider is set up for."""
    apple = config.push.apns.apps
    return {Provider.APNS: apple, Provider.APNS_DEV: apple}


def offer_of(config: Config) -> Offer:
    """What SIP phones may be woken by: the providers that we have credentials for."""
    push = config.push
    providers: list[Provider] = []
    if push.apns.key_file is not None or push.apns.cert_file is not None:
        providers += (Provider.APNS, Provider.APNS_DEV)
    if push.fcm.credentials_file is not None:
        providers.append(Provider.FCM)
    refuses = config.sip.unsupported_push == "refuse"
    return Offer(providers, apps_of(config), refuses_others=refuses)


def push_info(config: Config) -> PushInfo:
    """What clients are told; raises OperatorError when the Web Push key cannot be had."""
    return PushInfo(webpush_key_of(config).public)
