"""The documentation tells of what there is: links, names, commands and code are held against the tree."""

import ast
import re
import textwrap
from pathlib import Path

from django_ops.conf import conf
from django_ops.metrics.catalog import FAMILIES
from tests.each import each

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([*TOP.glob("*.md"), *TOP.glob("docs/**/*.md")])
SOURCES = sorted([*TOP.glob("django_ops/**/*.py"), *TOP.glob("stack/**/*.py"), *TOP.glob("dockerfiles/*.Dockerfile")])

SETTINGS = {setting.name for setting in conf} | {"OPS_METRICS_TOKEN_FILE", "OPS_TEST_NO_SKIP"}


def name_of(page: Path) -> str:
    """Return the path of a page within the tree."""
    return str(page.relative_to(TOP))


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that are marked with `language`."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@each("page", PAGES, name=name_of)
def test_links__lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []


def anchors(page: Path) -> set[str]:
    """Return what a link may name in a page: GitHub's names of its headings, and what has an id."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    shown = (re.sub(r"\[([^]]*)\]\([^)]*\)|[*`]", r"\1", heading) for heading in headings)
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in shown)
    return {*slugs, *re.findall(r"\bid=\"([^\"]+)\"", text)}


@each("page", PAGES, name=name_of)
def test_anchors_of_links__are_in_their_pages(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*\.md|)#([^)]+)\)", page.read_text(encoding="utf-8"))
    targets = [((page.parent / target).resolve() if target else page, anchor) for target, anchor in links]
    assert [f"{name_of(target)}#{anchor}" for target, anchor in targets if anchor not in anchors(target)] == []


@each("page", [*PAGES, *SOURCES], name=name_of)
def test_install_lines__do_not_ask_an_index_for_our_name(page: Path) -> None:
    """On PyPI the name is another project's, whose setup.py would run."""
    lines = re.findall(r"\bpip\b.*\binstall\b.*", page.read_text(encoding="utf-8"))
    assert [line for line in lines if re.search(r"(?<![\w./-])django[-_]ops\b(?! @)", line)] == []


@each("page", PAGES, name=name_of)
def test_settings__exist(page: Path) -> None:
    named = set(re.findall(r"\bOPS_[A-Z_]+[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named - SETTINGS == set()


@each("page", PAGES, name=name_of)
def test_metrics__exist(page: Path) -> None:
    named = set(re.findall(r"`(django_(?:ops|http|db|cache|model|migrations)_\w+)`", page.read_text(encoding="utf-8")))
    assert {name for name in named if name.removesuffix("_bucket") not in FAMILIES} == set()


@each("page", PAGES, name=name_of)
def test_make_verbs__exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?:^\$ |`)make ([a-z0-9-]+)", text, re.MULTILINE))
    known = set(re.findall(r"^([a-z0-9-]+):.*##", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert verbs - known == set()


@each("page", PAGES, name=name_of)
def test_python_code__compiles(page: Path) -> None:
    for block in blocks(page, "python"):
        ast.parse(textwrap.dedent(block))


@each("page", PAGES, name=name_of)
def test_modules__exist(page: Path) -> None:
    named = set(re.findall(r"`(?:django_ops/)?((?:record|logs|metrics|health|passwords|guard|checks)/\w+\.py)`",
                           page.read_text(encoding="utf-8")))  # fmt: skip
    assert {name for name in named if not (TOP / "django_ops" / name).exists()} == set()


@each("page", PAGES, name=name_of)
def test_tests_that_a_page_names__exist(page: Path) -> None:
    named = re.findall(r"`((?:unit|integration|contract)/[\w/]+\.py)::(test_\w+)`", page.read_text(encoding="utf-8"))
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (TOP / "tests" / file).exists()
        or not re.search(rf"def {test}\(", (TOP / "tests" / file).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_table_of_contents__has_every_page() -> None:
    contents = (TOP / "docs/README.md").read_text(encoding="utf-8")
    pages = {name_of(page).removeprefix("docs/") for page in PAGES if page.is_relative_to(TOP / "docs")}
    listed = {page for page in pages if not page.startswith(("runbooks/", "decisions/"))} - {"README.md"}
    assert [page for page in sorted(listed) if f"({page})" not in contents] == []


def test_readme__is_short() -> None:
    assert len((TOP / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_every_setting__is_in_the_reference() -> None:
    reference = (TOP / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert [setting.name for setting in conf if setting.name not in reference] == []


def test_every_metric__is_in_the_reference() -> None:
    reference = (TOP / "docs/reference/metrics.md").read_text(encoding="utf-8")
    assert [name for name in FAMILIES if name not in reference] == []
