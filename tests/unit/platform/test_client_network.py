"""Tests of the network by which an address is limited."""

import pytest
from fastapi import Request

from ticketing.platform.http.client_network import network_of, untrusted_proxy


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:0DB8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_an_ipv6_address_counts_as_its_64_prefix_and_ipv4_as_one_address(
    host: str, network: str
) -> None:
    assert network_of(host) == network


@pytest.mark.parametrize(
    ("client", "forwarded", "proxy"),
    [
        ("172.18.0.2", "203.0.113.9", "172.18.0.2"),
        ("203.0.113.9", "203.0.113.9", ""),
        ("203.0.113.9", "198.51.100.1, 203.0.113.9", ""),
        ("203.0.113.9", "", ""),
    ],
)
def test_a_proxy_whose_header_was_not_believed_is_named(
    client: str, forwarded: str, proxy: str
) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    request = Request({"type": "http", "client": (client, 0), "headers": headers})

    assert untrusted_proxy(request) == proxy
