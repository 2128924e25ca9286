"""The report is whole, well formed, and holds nothing active of a candidate's making."""

import re
from html.parser import HTMLParser

import pytest

from thekla.analysis import RunView, describe, read_run
from thekla.analysis.report import render_html, render_markdown
from thekla.analysis.report.curve import Axis
from thekla.core.evaluation import Breach, Failed, FailureKind
from thekla.core.journal import Closed, Quarantined
from thekla.core.problem import ProblemRef
from thekla.core.program import Program
from thekla.testing.journals import JournalBuilder, example_journal, settings

HOSTILE = (
    "def schedule(pools, queue):\n"
    "    # </pre></td><script>alert(1)</script><img src=x onerror=alert(2)>\n"
    "    # ]]></style>{{ 7 * 7 }}{% raw %} `` ``` ```` \n"
    "    # \x1b]8;;http://example.invalid\x07click\x1b[31m \u202eevil\u2066 \u200b \ud800 \x00\n"
    "    return '\" onmouseover=\"alert(3)'\n"
)

VOID = {"meta", "br", "img", "link", "input", "hr", "circle", "line", "path"}
SECTIONS = [
    "findings",
    "ladder",
    "curve",
    "program",
    "heat",
    "failures",
    "measures",
    "operators",
    "ledger",
    "vocabulary",
    "reproduce",
]


class Checker(HTMLParser):
    """Collects tags and attributes, and notes tags that do not nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.problems: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    checker.close()
    return checker


def view_of(journal: JournalBuilder) -> RunView:
    return read_run(journal.events, journal.blob)


@pytest.fixture(scope="module")
def hostile() -> RunView:
    return view_of(example_journal(winner_text=HOSTILE, evaluations=40))


def test_report_is_well_formed_and_has_every_section() -> None:
    page = parsed(render_html(view_of(example_journal()), run="queue-7"))
    assert page.problems == []
    assert page.open == []
    assert page.ids == SECTIONS


@pytest.mark.parametrize("closed", [True, False])
def test_every_report_shows_whether_the_hold_out_was_opened(closed: bool) -> None:
    view = view_of(example_journal(closed=closed))
    described = describe(view)
    (run,) = [table for table in described.tables if table.title == "Run"]
    assert [("opened at the end: 12 instances, drawn then") in row for row in run.rows].count(True) == closed
    opening = described.data["holdout"]
    assert (opening is not None) == closed
    for page in (render_html(view, run="queue-7"), render_markdown(view, run="queue-7")):
        assert ("12 hold-out (drawn at the end)" in page) == closed
        assert ("hold-out key" in page) == closed


def test_a_score_in_quarantine_is_shown_with_its_bound_and_warned_of() -> None:
    journal = example_journal(closed=False)
    breach = Breach(objective="latency", instance="train/<3>", score=12.5, bound=31.0)
    journal.state(Quarantined(name="t99", stage="train", breaches=(breach,)))
    view = view_of(journal)
    page = parsed(render_html(view, run="queue-7"))
    assert page.problems == []
    assert page.ids == [*SECTIONS[:5], "quarantine", *SECTIONS[5:]]
    described = describe(view)
    assert "1 time(s) a score was better than a proven bound" in described.warnings[0]
    assert described.data["quarantined"] == [
        {"type": "Quarantined", "name": "t99", "stage": "train", "breaches": [{"type": "Breach", **vars(breach)}]}
    ]
    row = ("t99", "train", "train/<3>", "latency", "12.5", "31")
    assert [table.rows for table in described.tables if table.title == "Quarantine"] == [(row,)]
    markdown = render_markdown(view, run="queue-7")
    assert "| t99 | train | train/\\<3\\> | latency | 12.5 | 31 |" in markdown
    assert all(cell in page.text for cell in row)


def test_report_refers_to_nothing_outside_itself(hostile: RunView) -> None:
    html = render_html(hostile, run="queue-7")
    page = parsed(html)
    assert not {"link", "iframe", "object", "base", "a", "img", "form"} & page.tags
    assert not {name for name, _ in page.attributes} & {"src", "href", "action", "xlink:href"}
    assert "url(" not in html
    assert "@import" not in html


def test_candidate_text_yields_no_active_content(hostile: RunView) -> None:
    html = render_html(hostile, run="<script>run</script>")
    page = parsed(html)
    assert page.problems == []
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text  # shown as text
    assert "{{ 7 * 7 }}" in page.text


def test_hidden_characters_are_shown_and_flagged(hostile: RunView) -> None:
    for text in (render_html(hostile, run="r"), render_markdown(hostile, run="r")):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]", text)
        assert "⟦U+202E⟧" in text
        assert "⟦U+001B⟧" in text
        assert "control or direction characters" in text
        text.encode("utf-8")


def test_hostile_names_of_problem_and_failure_are_text() -> None:
    journal = JournalBuilder()
    bad = "<img src=x onerror=alert(1)>\x1b[2J"
    journal.state(settings(problem=ProblemRef(name=bad, suite=bad), vocabulary={bad: bad}))
    journal.seed(Program.from_text("x"), Failed(kind=FailureKind.CRASH, stage=bad, message=bad, traceback=bad))
    journal.state(Closed(winner=None))
    page = parsed(render_html(view_of(journal), run=bad))
    assert page.problems == []
    assert "img" not in page.tags
    markdown = render_markdown(view_of(journal), run=bad)
    assert "\x1b" not in markdown
    prose = re.sub(r"(?ms)^(`{3,})\w*$.*?^\1$|^ {6}.*?$", "", markdown)
    assert "\\<img" in prose
    assert not re.search(r"(?<!\\)<img", prose)


def test_trusted_run_carries_a_warning_at_the_top() -> None:
    journal = JournalBuilder()
    journal.state(settings(tier="trusted"))
    html = render_html(view_of(journal), run="r")
    assert html.index('class="warning"') < html.index("<h1>")
    assert "without a sandbox" in html


def test_markdown_fence_is_longer_than_any_in_the_program(hostile: RunView) -> None:
    markdown = render_markdown(hostile, run="r")
    fences = re.findall(r"(?m)^(`{3,})python$", markdown)
    assert fences == ["`````"]
    for title in ("Evidence", "Caveats", "Ladder", "Best so far", "Program", "Failures", "Ledger", "How to reproduce"):
        assert f"## {title}\n" in markdown


def test_report_of_an_unfinished_run_says_so() -> None:
    view = view_of(example_journal(evaluations=20, closed=False))
    html = render_html(view, run="r")
    assert "interrupted" in html
    assert "The best program so far" in html


def test_equal_journals_give_equal_reports() -> None:
    one, two = (render_html(view_of(example_journal(evaluations=20)), run="r") for _ in range(2))
    assert one == two


def test_report_shows_the_command_and_the_chain() -> None:
    view = view_of(example_journal(evaluations=20))
    html = render_html(view, run="r")
    command = "thekla run queue --suite default --strategy islands --generator mutation --evaluations 20 --seed 7"
    assert command in html
    assert view.chain in html
    assert view.settings.evaluator in html


def test_axis_is_logarithmic_only_where_values_span_much() -> None:
    assert Axis.over([1.0, 30.0], start=0, end=1).log
    assert not Axis.over([1.0, 10.0], start=0, end=1).log
    assert not Axis.over([-1.0, 100.0], start=0, end=1).log
    assert not Axis.over([0.0, 0.0], start=0, end=1).log
    axis = Axis.over([5.0, 5.0], start=0, end=1)
    assert axis.holds(5.0)
    assert axis.ticks()


def test_heading_of_a_problem_named_by_its_path_is_the_name_of_its_folder() -> None:
    journal = JournalBuilder()
    journal.state(settings(problem=ProblemRef(name="/problems/eviction", suite="default")))
    view = view_of(journal)
    assert "<title>eviction: report of run" in render_html(view, run="r1")
    assert render_markdown(view, run="r1").startswith("# eviction: run r1")
