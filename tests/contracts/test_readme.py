"""What the README says is what the repository holds."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_readmes_table_is_the_generated_one():
    generated = (ROOT / "reports" / "table3.md").read_text()
    rows = [line for line in generated.splitlines() if line.startswith("| ")]
    assert "\n".join(rows) in README


def test_every_file_the_readme_points_to_is_there():
    targets = re.findall(r"\]\(([^)#][^)]*)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_cited_decision_has_its_number():
    decisions = (ROOT / "reports" / "decisions.md").read_text()
    known = {int(number) for number in re.findall(r"^\| (\d+) \|", decisions, re.MULTILINE)}
    folders = ("hcfres", "flows", "experiments")
    sources = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    cited = {
        int(number)
        for path in sources
        if path.suffix in (".py", ".toml")
        for number in re.findall(r"decision (\d+)", path.read_text())
    }
    assert cited
    assert cited <= known


def test_no_source_file_is_longer_than_three_hundred_lines():
    long = {
        str(path.relative_to(ROOT)): count
        for folder in ("hcfres", "flows")
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 300
    }
    assert long == {}
