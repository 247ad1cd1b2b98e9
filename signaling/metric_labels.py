"""The words that metrics are labelled with: closed sets, whatever a network said."""

from signaling.shared.push import Step

OTHER = "other"
NONE = "none"

# Apple's, as its documentation lists them.
_APNS = """
    BadCertificate BadCertificateEnvironment BadCollapseId BadDeviceToken
    BadEnvironmentKeyIdInToken BadExpirationDate BadMessageId BadPath BadPriority BadTopic
    DeviceTokenNotForTopic DuplicateHeaders ExpiredProviderToken ExpiredToken Forbidden IdleTimeout
    InternalServerError InvalidProviderToken InvalidPushType MethodNotAllowed MissingDeviceToken
    MissingProviderToken MissingTopic PayloadEmpty PayloadTooLarge ServiceUnavailable Shutdown
    TooManyProviderTokenUpdates TooManyRequests TopicDisallowed UnrelatedKeyIdInToken Unregistered
"""
_FCM = """
    APNS_AUTH_ERROR INTERNAL INVALID_ARGUMENT QUOTA_EXCEEDED SENDER_ID_MISMATCH
    THIRD_PARTY_AUTH_ERROR UNAVAILABLE UNREGISTERED
"""
_KNOWN = frozenset(f"{_APNS} {_FCM}".split())
# Ours, for what never reached a provider, and the word that stands for each.
_OWN = {
    "address not allowed": "address",
    "cannot be opened": "sealed",
    "certificate not trusted": "certificate",
    "connection lost": "connection",
    "credentials refused": "credentials",
    "expired": "expired",
    "internal error": "internal",
    "name not found": "name",
    "no access token": "access_token",
    "no access token in time": "access_token",
    "no answer in time": "timeout",
    "no connection": "connection",
    "no credentials for this project": "credentials",
    "no usable keys": "keys",
    "payload too large": "too_large",
    "shutting down": "stopping",
}


def push_reason(step: Step, reason: str | None) -> str:
    """The label for the reason that a report gives."""
    if reason is None or step is Step.ACCEPTED:
        return NONE
    if reason in _KNOWN:
        return reason
    status = reason.partition(" ")[0]
    if len(status) == 3 and status.isascii() and status.isdigit() and "100" <= status <= "599":
        return f"http_{status}"
    return _OWN.get(reason, OTHER)
