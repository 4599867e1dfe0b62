"""The account of a router: its address, its login, and which certificate it must show."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RouterAccount:
    """Address and login of a router; `name` is ours, for messages.

    With TLS its certificate must have the given fingerprint, or be signed by the given CA, or by
    one this machine trusts. Without TLS the password crosses the network in plain text: only inside
    a VPN.
    """

    name: str
    host: str
    user: str
    password: str = field(repr=False)
    port: int = 8729
    tls: bool = True
    ca_certificate: str = field(default="", repr=False)  # PEM
    fingerprint: str = ""  # SHA-256 of the certificate in hex; excludes `ca_certificate`
