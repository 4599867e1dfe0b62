"""Tests of the options of the response socket."""

import socket

from ticketing.app.web.server import _open_socket


def test_a_short_answer_does_not_wait_for_the_receivers_acknowledgement() -> None:
    with (
        _open_socket("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
