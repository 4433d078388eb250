import re

from tests.docs.pages import ROOT

TYPES = ("feature", "change", "fix", "removal", "security")


def test_every_fragment_is_one_line_named_after_its_issue_and_type():
    for path in (ROOT / "changelog.d").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(rf"\d+(\.\d+)?\.({'|'.join(TYPES)})\.md", path.name), path.name
            assert len(path.read_text(encoding="utf-8").splitlines()) == 1, path.name


def test_every_type_is_explained():
    page = (ROOT / "changelog.d" / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{kind}` |" in page for kind in TYPES)
