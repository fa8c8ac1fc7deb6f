"""Which peer may speak for a client: hostile headers, chains of proxies, dual-stack sockets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_ops.guard.trust import (
    FORWARDING_HEADERS,
    Networks,
    came_directly,
    client_address,
    networks_of,
    parse_address,
)

PROXIES = Networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("192.0.2.1:8080", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
    ],
)
def test_parse_address__forms(text, expected):
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "unknown", "unix:", "_hidden", "192.0.2", "192.0.2.256", "1", "[", "[]", "\uff1192.0.2.1", "a" * 5000]
)
def test_parse_address__not_an_address(text):
    assert parse_address(text) is None


@given(st.text(max_size=200))
def test_parse_address__hostile_text_never_raises(text):
    parse_address(text)


def test_networks__contains_address_of_network():
    assert PROXIES.contains("10.1.2.3")


def test_networks__does_not_contain_other_address():
    assert not PROXIES.contains("192.0.2.1")


def test_networks__ipv4_through_dual_stack_socket():
    assert PROXIES.contains("::ffff:10.1.2.3")


def test_networks__unix_is_the_empty_peer():
    assert Networks(["unix"]).contains("")


def test_networks__empty_peer_needs_unix():
    assert not PROXIES.contains("")


def test_networks__empty_is_false():
    assert not Networks([])


def test_networks__unix_alone_is_true():
    assert Networks(["unix"])


def test_networks__bad_name_raises():
    with pytest.raises(ValueError, match="internal"):
        Networks(["internal"])


def test_networks_of__same_names_same_object():
    assert networks_of(("10.0.0.0/8",)) is networks_of(("10.0.0.0/8",))


def test_client_address__without_header_is_the_peer():
    assert client_address("192.0.2.1", "", PROXIES) == "192.0.2.1"


def test_client_address__header_of_untrusted_peer_is_ignored():
    assert client_address("192.0.2.1", "198.51.100.1", PROXIES) == "192.0.2.1"


def test_client_address__one_trusted_proxy():
    assert client_address("10.0.0.1", "198.51.100.1", PROXIES) == "198.51.100.1"


def test_client_address__spoofed_left_most_entry():
    assert client_address("10.0.0.1", "10.9.9.9, 198.51.100.1", PROXIES) == "198.51.100.1"


def test_client_address__two_trusted_proxies():
    assert client_address("10.0.0.1", "198.51.100.1, 10.0.0.2", PROXIES) == "198.51.100.1"


def test_client_address__everything_trusted_is_the_left_most():
    assert client_address("10.0.0.1", "10.0.0.3, 10.0.0.2", PROXIES) == "10.0.0.3"


@pytest.mark.parametrize("named", ["unknown", "unix:", "_hidden", "198.51.100.1,", ","])
def test_client_address__proxy_names_no_address(named):
    """The proxy's own address would be a wrong answer, and would open what its network opens."""
    assert client_address("10.0.0.1", named, PROXIES) == ""


def test_client_address__trusted_unix_socket():
    assert client_address("", "198.51.100.1", Networks(["unix"])) == "198.51.100.1"


def test_client_address__untrusted_unix_socket():
    assert client_address("", "198.51.100.1", PROXIES) == ""


def test_client_address__port_is_cut_off():
    assert client_address("10.0.0.1", "198.51.100.1:4711", PROXIES) == "198.51.100.1"


def test_client_address__header_bomb_keeps_the_right_most():
    bomb = "10.0.0.1," * 200_000 + "198.51.100.1"
    assert client_address("10.0.0.1", bomb, PROXIES) == "198.51.100.1"


@given(st.lists(st.one_of(st.ip_addresses().map(str), st.text(max_size=30)), max_size=20))
def test_client_address__client_cannot_choose(sent):
    """Whatever a client sends, the edge proxy appends the address that it saw."""
    header = ",".join([*sent, "198.51.100.7"])
    assert client_address("10.0.0.1", header, PROXIES) == "198.51.100.7"


@given(st.text(max_size=100), st.text(max_size=300))
def test_client_address__hostile_text_never_raises(peer, header):
    client_address(peer, header, PROXIES)


@pytest.mark.parametrize("header", FORWARDING_HEADERS)
def test_came_directly__not_with_forwarding_header(header):
    assert not came_directly({header: ""})


def test_came_directly__ordinary_headers():
    assert came_directly({"HTTP_HOST": "example.org", "REMOTE_ADDR": "127.0.0.1"})
