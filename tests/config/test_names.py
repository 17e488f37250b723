"""What a file, a row, a title and a path may be called."""

import pytest

from hcfres.config.names import LONGEST_NAME, require_inside, require_name, require_title


@pytest.mark.parametrize(
    "name", ["mdin", "hcf_res-vsd+mlf", "ViT-L-14", "v2.1", "a", "9", "x" * 100]
)
def test_letters_digits_and_four_signs_make_a_name(name: str) -> None:
    assert require_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", ".hidden", "-rf", "+x", "a/b", "a\\b", "../x", "a b", "a\n", "a\0",
        "\x1b[2J", "$(reboot)", "a;b", "a|b", "a&b", "`a`", "'a'", '"a"', "a*", "a?", "~", "a:b",
        "a=b", "é", "a.",
    ],
)  # fmt: skip
def test_separators_shell_signs_and_control_characters_do_not(name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits and _ - \\+ \\. only"):
        require_name(name)


@pytest.mark.parametrize("name", ["con", "NUL", "Com1", "lpt9.toml", "aux.x.y"])
def test_a_name_that_some_system_keeps_for_a_device_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="for a device"):
        require_name(name)


def test_a_name_has_a_length() -> None:
    with pytest.raises(ValueError, match=f"at most {LONGEST_NAME} characters, and this has 300"):
        require_name("x" * 300)


@pytest.mark.parametrize("text", ["", "  ", "a\nb", "a\tb", "\x1b[31mred", "x" * 201, "a\u202eb"])
def test_a_title_is_one_printable_line(text: str) -> None:
    with pytest.raises(ValueError, match="one line of 1 to 200 printable characters"):
        require_title(text)


def test_a_title_may_have_any_script_and_brackets() -> None:
    assert require_title("Größe [m²] über Räume") == "Größe [m²] über Räume"


@pytest.mark.parametrize("path", ["sam.pth", "package:sam_tiny", "random:0", "a/b.pt", "my text/x"])
def test_a_path_inside_leads_down(path: str) -> None:
    assert require_inside(path) == path


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "../x", "a/../../x", "package:../x", "a\\b", "a\0"]
)
def test_a_path_that_leads_out_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="leads down from its folder"):
        require_inside(path)
