"""The network that a request comes from, by which requests and held places are limited."""

from ipaddress import IPv6Address, ip_address, ip_network

from fastapi import Request

_IPV6_PREFIX = 64  # one line or device has at least that many addresses


def client_network(request: Request) -> str:
    """Return the network of the client of a request; empty if it is not known."""
    return network_of(request.client.host) if request.client else ""


def untrusted_proxy(request: Request) -> str:
    """Return the address of a proxy whose X-Forwarded-For was not believed, or "".

    The server has replaced the client's address by a forwarded one if it trusts the proxy.
    """
    forwarded = request.headers.get("X-Forwarded-For", "")
    if request.client is None or not forwarded:
        return ""
    is_believed = request.client.host in map(str.strip, forwarded.split(","))
    return "" if is_believed else request.client.host


def network_of(host: str) -> str:
    """Return an IPv4 address as it is, of an IPv6 address its /64, and any other name unchanged."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address.packed, _IPV6_PREFIX), strict=False))
