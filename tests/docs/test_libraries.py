"""The table of supported libraries says what pyproject.toml asks for."""

import re
import tomllib

from tests.docs.test_docs import TOP

PAGE = (TOP / "docs/reference/servers.md").read_text(encoding="utf-8").partition("## Libraries")[2]
DECLARED = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
#: The first column's names that a package does not have.
PACKAGES = {"OpenTelemetry": "opentelemetry-sdk", "Sentry": "sentry-sdk"}


def lower_bounds() -> dict[str, str]:
    requirements = [
        *DECLARED["project"]["dependencies"],
        *DECLARED["project"]["optional-dependencies"]["celery"],
        *(entry for entry in DECLARED["dependency-groups"]["test"] if isinstance(entry, str)),
        f"python{DECLARED['project']['requires-python']}",
    ]
    found = (re.match(r"([\w.-]+?)(?:\[\w+\])?>=([\w.]+)", requirement) for requirement in requirements)
    return {match[1]: match[2] for match in found if match}


def test_libraries__are_tested_from_the_versions_of_pyproject() -> None:
    rows = re.findall(r"^\| `?([\w -]+?)`?(?: \(`[\w-]+`\))? \| ([\d.]+) \|", PAGE, re.MULTILINE)
    assert len(rows) == 6
    bounds = lower_bounds()
    assert dict(rows) == {name: bounds[PACKAGES.get(name, name.lower())] for name, _ in rows}
