"""Tests of the network by which an address is limited."""

import pytest

from ticketing.platform.http.client_network import network_of


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
