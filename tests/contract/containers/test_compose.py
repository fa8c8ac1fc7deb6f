"""Rendering compose files without Docker gives what Docker's own rendering gives."""

from __future__ import annotations

import pytest

from tests.contract.containers.compose import bytes_of, render, substitute


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$$HOME", "$HOME"),
        ("$SET:80", "value:80"),
        ("${SET}", "value"),
        ("${MISSING}", ""),
        ("${SET:-other}", "value"),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY-other}", ""),
        ("${MISSING:-${SET}}-end", "value-end"),
        ("${SET:+there}", "there"),
        ("${SET:?must be set}", "value"),
    ],
)
def test_substitute__knows_the_forms(text: str, expected: str) -> None:
    assert substitute(text, {"SET": "value", "EMPTY": ""}) == expected


def test_substitute__of_a_required_variable_that_is_missing() -> None:
    with pytest.raises(ValueError, match="MISSING is not set: say where"):
        substitute("${MISSING:?say where}", {})


@pytest.mark.parametrize("text", ["cost: 5$", "${OPEN", "${-x}"])
def test_substitute__refuses_what_is_malformed(text: str) -> None:
    with pytest.raises(ValueError, match=r"lone|closed|names no"):
        substitute(text, {})


@pytest.mark.parametrize(("size", "expected"), [("64m", 67108864), ("1.5g", 1610612736), (10, 10), ("2kb", 2048)])
def test_bytes_of__reads_sizes(size: str | int, expected: int) -> None:
    assert bytes_of(size) == expected


def test_bytes_of__refuses_other_text() -> None:
    with pytest.raises(ValueError, match="is not a size"):
        bytes_of("plenty")


def rendered(**service: object) -> dict[str, object]:
    return render({"services": {"one": service}}, {"PORT": "8080"})["services"]["one"]


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        ("127.0.0.1:${PORT}:80", {"target": 80, "published": "8080", "protocol": "tcp", "host_ip": "127.0.0.1"}),
        ("8080:80/udp", {"target": 80, "published": "8080", "protocol": "udp"}),
        ("80", {"target": 80, "published": "", "protocol": "tcp"}),
        ("[::1]:1:80", {"target": 80, "published": "1", "protocol": "tcp", "host_ip": "[::1]"}),
    ],
)
def test_render__writes_ports_out(port: str, expected: dict[str, object]) -> None:
    assert rendered(ports=[port])["ports"] == [expected]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ("data:/var/lib", {"type": "volume", "source": "data", "target": "/var/lib"}),
        ("./a:/b:ro", {"type": "bind", "source": "./a", "target": "/b", "read_only": True}),
        ("/:/host:ro,rslave", {"type": "bind", "source": "/", "target": "/host", "read_only": True}),
        ("/scratch", {"type": "volume", "target": "/scratch"}),
    ],
)
def test_render__writes_volumes_out(volume: str, expected: dict[str, object]) -> None:
    (found,) = rendered(volumes=[volume])["volumes"]
    assert {key: value for key, value in found.items() if key != "bind"} == expected


def test_render__keeps_the_propagation() -> None:
    assert rendered(volumes=["/:/host:ro,rslave"])["volumes"][0]["bind"] == {"propagation": "rslave"}


def test_render__puts_a_service_without_networks_on_the_default_one() -> None:
    assert rendered()["networks"] == {"default": None}


def test_render__leaves_a_service_without_network_alone() -> None:
    assert rendered(network_mode="none")["networks"] == {}


def test_render__writes_the_environment_as_names_and_values() -> None:
    assert rendered(environment=["A=1", "B"])["environment"] == {"A": "1", "B": None}


def test_render__writes_dependencies_with_their_condition() -> None:
    assert rendered(depends_on=["two"])["depends_on"] == {"two": {"condition": "service_started"}}
