"""The network is off in tests."""

import socket

import pytest


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("thekla.invalid", 80)])
def test_no_test_connects_beyond_this_machine(address: tuple[str, int]) -> None:
    with socket.socket() as sock, pytest.raises(AssertionError, match="reached for"):
        sock.connect(address)
    with pytest.raises(AssertionError, match=r"looked up|reached for"):
        socket.create_connection(address)


def test_no_test_sends_beyond_this_machine() -> None:
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock,
        pytest.raises(AssertionError, match="reached for"),
    ):
        sock.sendto(b"", ("2001:db8::1", 9))


def test_a_local_server_can_be_reached() -> None:
    with socket.create_server(("localhost", 0)) as server, socket.create_connection(server.getsockname()) as client:
        client.sendall(b"here")
        answer, _ = server.accept()
        with answer:
            assert answer.recv(4) == b"here"
