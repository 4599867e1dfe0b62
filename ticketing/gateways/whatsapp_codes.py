"""What Meta's error codes mean for a message; they come at once or in a report afterwards.

Source: WhatsApp Business Platform, "Error codes". Meta asks clients to decide by the code alone:
throttling comes under HTTP 400 as well as 429, and titles change.
"""

from datetime import timedelta

from ticketing.domain.messages import Cause, Declined, Later, Stops

_AUTHENTICATION = {0, 3, 10, 190, *range(200, 300)}
_ACCOUNT = {368, 131031, 131037, 131042, 131045, 131064}
_THROTTLED = {4, 80007, 130429, 131048, 131057}
_TRANSIENT = {1, 2, 131000, 131016, 131049, 131056}
_NOT_SOON = {131048: timedelta(hours=6), 131049: timedelta(hours=24)}
_RECIPIENT = {130472, 130497, 131021, 131026, 131030, 131047, 131062, 137000}
_OPTED_OUT = 131050
# a media id that is unknown comes as the general "invalid parameter"
MEDIA_TROUBLE = {"100", "131052", "131053"}

_MEANINGS = {
    0: "the token is not valid",
    190: "the token has expired or is not valid",
    368: "the account is blocked for policy violations",
    130429: "too many messages a second",
    131021: "the recipient is the sender",
    131026: "not on WhatsApp, or cannot be reached there",
    131030: "not among the test numbers",
    131031: "the account is locked",
    131042: "the account's payment method has a problem",
    131047: "more than 24 hours since the recipient wrote; only a template is delivered",
    131048: "the number is restricted for spam",
    131049: "not delivered to keep the recipient's messages few",
    131050: "the recipient wants no such messages",
    131053: "the file was not accepted",
    131056: "too many messages to this recipient",
    132000: "the template takes another number of parameters",
    132001: "there is no such template in this language",
    132012: "a parameter does not fit its place in the template",
    132015: "the template is paused for its quality",
    132016: "the template is disabled for its quality",
}


def meaning_of(
    code: int, *, status: int = 400, transient: bool = False, after: timedelta | None = None
) -> Later | Declined:
    """What follows from a code; for one that is new, from the HTTP status and Meta's own hint."""
    reason = f"Meta: {_MEANINGS.get(code, 'refused')} ({code})"
    if code in _RECIPIENT:
        return Declined(reason, str(code), Cause.RECIPIENT)
    if code == _OPTED_OUT:
        return Declined(reason, str(code), Cause.OPTED_OUT)
    stops = _stops(code, status, transient=transient)
    if stops is None:
        return Declined(reason, str(code), Cause.MESSAGE)
    return Later(reason, str(code), after or _NOT_SOON.get(code), stops)


def _stops(code: int, status: int, *, transient: bool) -> Stops | None:
    """What has to wait; None when waiting does not help."""
    if code in _AUTHENTICATION | _ACCOUNT or status in {401, 403}:
        return Stops.CHANNEL
    if code in _THROTTLED or status == 429:  # noqa: PLR2004 - HTTP's number
        return Stops.SENDER
    passes = code in _TRANSIENT or transient or status >= 500  # noqa: PLR2004 - HTTP's own line
    return Stops.MESSAGE if passes else None
