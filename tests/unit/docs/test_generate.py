"""Generated files are what the code says, and a stale one is told with the command that helps."""

import ast

import pytest

from django_ops.conf import Secret, conf
from docs import generate
from docs.generators import settings as settings_page


@pytest.mark.parametrize("path", generate.artefacts())
def test_artefacts__are_fresh(path):
    assert list(generate.stale({path: generate.artefacts()[path]})) == []


def test_artefacts__of_this_part():
    assert {
        "docs/reference/log-fields.md",
        "docs/reference/log-line.schema.json",
        "docs/reference/settings.md",
        "elasticsearch/index-template.json",
    } <= set(generate.artefacts())


def test_write__only_what_has_changed(tmp_path):
    made = {"a/b.md": lambda: "text\n"}
    assert generate.write(made, tmp_path) == ["a/b.md"]
    assert generate.write(made, tmp_path) == []


def test_stale__missing_file(tmp_path):
    assert len(list(generate.stale({"a.md": lambda: ""}, tmp_path))) == 1


def test_stale__shows_the_difference(tmp_path):
    (tmp_path / "a.md").write_text("old\n")
    [hint] = generate.stale({"a.md": lambda: "new\n"}, tmp_path)
    assert "-old\n+new" in hint


def test_stale__long_difference(tmp_path):
    [hint] = generate.stale({"a.md": lambda: "new\n" * 100}, tmp_path)
    assert hint.endswith("... 83 more lines")


def test_main__check_of_fresh_files(capsys):
    assert generate.main(["--check"]) == 0


def test_main__check_of_a_stale_file(monkeypatch, capsys):
    monkeypatch.setattr(generate, "artefacts", lambda: {"docs/no-such-file.md": lambda: "text\n"})
    assert generate.main(["--check"]) == 1
    assert "1 generated files are stale. Run: python docs/generate.py" in capsys.readouterr().err


def test_main__writes(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(generate, "artefacts", dict)
    assert generate.main([]) == 0


def test_settings__each_is_there():
    page = settings_page.settings_markdown()
    assert [setting.name for setting in conf if f"`{setting.name}`" not in page] == []


def test_settings__files_of_secrets():
    page = settings_page.settings_markdown()
    secrets = [setting for setting in conf if isinstance(setting, Secret)]
    assert secrets
    assert [setting.name for setting in secrets if f"`{setting.name}_FILE`" not in page] == []


def rows():
    """Return the cells of the page's rows, by the setting's name."""
    cells = [
        line.strip("| ").split(" | ") for line in settings_page.settings_markdown().splitlines() if "<a id=" in line
    ]
    return {row[0].rpartition(">")[2].strip("`"): row[1:] for row in cells}


def test_settings__defaults_are_what_a_setting_takes():
    """What the page calls the default can be written into the settings."""
    refused = {
        setting.name: problem
        for setting in conf
        if (problem := setting.problem(ast.literal_eval(rows()[setting.name][1].strip("`")))) is not None
    }
    assert refused == {}


def test_settings__when_each_is_read():
    assert {setting.name: "at start" if setting.at_start else "at use" for setting in conf}.items() <= {
        name: row[2] for name, row in rows().items()
    }.items()
    assert rows()["OPS_METRICS_MODELS"][2] == "at start"
