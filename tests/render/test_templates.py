"""Templates: overlays win, folders stack, and every mistake in one has a place."""

import pytest

from decnet.errors import InvalidInput, Span
from decnet.render import Templates, expand

HERE = Span("network.ini", 7)


@pytest.fixture
def overlay(tmp_path):
    def write(name, text):
        path = tmp_path / "templates" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def rendered(tmp_path, *folders, **context):
    return Templates([tmp_path / "templates"]).render(folders, context, HERE)


def test_templates_are_rendered_and_other_files_copied(overlay, tmp_path):
    overlay("a/page.html.j2", "<h1>{{ title }}</h1>\n")
    overlay("a/deep/logo.png", b"\x89PNG{{ title }}")
    assert rendered(tmp_path, "a", title="Hi") == {
        "page.html": b"<h1>Hi</h1>\n",
        "deep/logo.png": b"\x89PNG{{ title }}",
    }


def test_a_later_folder_wins(overlay, tmp_path):
    overlay("a/page.j2", "a")
    overlay("a/only", "a")
    overlay("b/page", "b")
    assert rendered(tmp_path, "a", "b") == {"page": b"b", "only": b"a"}


def test_an_overlay_wins_file_by_file(overlay, tmp_path):
    overlay("http/servers/nginx.toml", "mine")
    files = rendered(tmp_path, "http/servers")
    assert files["nginx.toml"] == b"mine"
    assert files["apache.toml"].startswith(b"#")


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("one\n{{ nobody }}\n", "undefined-variable", 2),
        ("{% if %}", "template-syntax", 1),
        ("a\nb\n{{ 1 // 0 }}", "template-error", 3),
        ("{{ ''.__class__.__mro__ }}", "template-error", 1),
        (b"\xff\xfe", "bad-encoding", 0),
    ],
)
def test_a_mistake_is_shown_in_the_template_and_in_the_ini_line_that_led_there(
    overlay, tmp_path, text, code, line
):
    path = overlay("a/page.j2", text)
    with pytest.raises(InvalidInput) as caught:
        rendered(tmp_path, "a")
    (problem,) = caught.value.problems
    assert (problem.code, problem.span.file, problem.span.line, problem.related) == (
        code,
        str(path),
        line,
        (HERE,),
    )


def test_a_file_that_is_too_large_is_refused(overlay, tmp_path):
    overlay("a/huge", b"x" * (1024 * 1024 + 1))
    with pytest.raises(InvalidInput, match="more than 1024 KB"):
        rendered(tmp_path, "a")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("plain", "plain"), ("WS-{{ n }}", "WS-7"), ("ws{{ '%03d' % n }}", "ws007"), ("{{ n + 1 }}", "8")],
)
def test_a_pattern_of_the_file_is_expanded(pattern, name):
    assert expand(pattern, {"n": 7}) == name


@pytest.mark.parametrize("pattern", ["{{ nobody }}", "{{ n", "{{ n.__class__.__mro__ }}", "{{ 1 // 0 }}"])
def test_a_bad_pattern_is_an_error_with_words(pattern):
    with pytest.raises(ValueError, match=r"\w+"):
        expand(pattern, {"n": 7})
