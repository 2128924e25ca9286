"""The documentation holds together: every page can be found, and every name in it leads somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_page_is_in_the_navigation_once() -> None:
    listed = re.findall(r"^\s*- (?:[^:#\n]+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=label)
def test_every_link_within_the_project_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text())
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_decision_says_its_context_options_choice_and_consequences() -> None:
    index = (DOCS / "decisions/index.md").read_text()
    for page in sorted((DOCS / "decisions").glob("0*.md")):
        bold = re.findall(r"^\*\*(\w+)\.\*\*", page.read_text(), re.MULTILINE)
        assert bold == ["Context", "Options", "Choice", "Consequences"], label(page)
        assert f"]({page.name})" in index, label(page)


def practices() -> list[list[str]]:
    rows = re.findall(r"^\| (P\d+ \|.*)\|$", (DOCS / "practices.md").read_text(), re.MULTILINE)
    return [[cell.strip() for cell in row.split("|")] for row in rows]


def test_practices_are_all_there_in_order() -> None:
    assert [row[0] for row in practices()] == [f"P{number}" for number in range(1, 21)]


@pytest.mark.parametrize("row", practices(), ids=lambda row: row[0])
def test_practice_is_planned_or_names_what_exists(row: list[str]) -> None:
    _, _, _, state, tests = row
    assert state == "planned" or state == "kept" or state.startswith("in part")
    assert state != "kept" or tests, "a practice that is kept names the test that guards it"
    for source in re.findall(r"`([^`]+\.py)`", state):
        assert (ROOT / "src/thekla" / source).is_file(), source
    for name in re.findall(r"`([^`]+)`", tests):
        file, _, function = name.partition("::")
        text = (ROOT / file).read_text()
        assert not function or f"def {function}(" in text, name
