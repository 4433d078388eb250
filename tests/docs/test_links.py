import pytest

from tests.docs.pages import DOCS, ROOT, Page, pages

SCREEN = 45


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for link in page.links():
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), f"{page.name}: {link}"
        assert ROOT in path.parents, f"{page.name}: {link} leaves the repository"
        if anchor:
            assert anchor in Page(path).anchors(), f"{page.name}: {link}: no such heading"


def test_every_page_is_in_the_index():
    index = Page(DOCS / "README.md")
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in index.links()}
    missing = [page.name for page in pages() if DOCS in page.path.parents and page.path not in linked]
    assert missing == ["docs/README.md"]


def test_the_readme_fits_a_screen():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= SCREEN


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in pages():
        lines = [line for block in page.blocks("sh") for line in block.splitlines()]
        for words in map(str.split, (*lines, *page.spans())):
            if words[:1] == ["make"] and len(words) > 1:
                assert f"\n{words[1]}:" in makefile, f"{page.name}: make {words[1]}"
