import ast
import re

from tests.docs.pages import DOCS, ROOT, Page

_NAME = re.compile(r"_?[A-Z][A-Z0-9_]+")


def read_by_the_source() -> set[str]:
    """Names given to os.environ or to click's envvar, and every DECNET_ name."""
    found: set[str] = set()
    for path in (ROOT / "src" / "decnet").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found |= set(_names(node))
    return found


def _names(node: ast.AST):
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Attribute(attr="environ")), args=[ast.Constant(str(name)), *_]
        ):
            yield name
        case ast.Call(func=ast.Attribute(attr="getenv"), args=[ast.Constant(str(name)), *_]):
            yield name
        case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Constant(str(name))):
            yield name
        case ast.keyword(arg="envvar", value=ast.Constant(str(name))):
            yield name
        case ast.Constant(str(name)) if re.fullmatch(r"_?DECNET_[A-Z_]+", name):
            yield name


def test_the_page_has_the_variables_that_the_source_reads():
    page = Page(DOCS / "environment.md")
    rows = set(re.findall(r"^\| `(\w+)` \|", page.text, re.MULTILINE))
    named = {span for span in page.spans() if _NAME.fullmatch(span)}
    assert rows <= read_by_the_source() <= named
