# ruff: noqa: E501 - the tables of bad files are read line by line
import textwrap
from pathlib import Path

import pytest

from contactcenter.core.errors import Invalid
from ivr.diagram import mermaid
from ivr.loader import FlowError, check_flow, load_flow, load_flows
from ivr.nodes import Enqueue, Hours, Menu
from ivr.schema import Known

CONFIG = Path(__file__).parents[3] / "config" / "flows"
GOOD = "start: q\nnodes:\n  q: {kind: enqueue, queue: support}\n"


def write(folder: Path, text: str, name: str = "test.yaml") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def found(folder: Path, text: str, known: Known | None = None) -> list[tuple[int, str]]:
    flow, problems = check_flow(write(folder, text), known)
    assert (flow is None) == bool(problems.errors)
    return [(one.line, one.reason) for one in sorted(problems.errors)]


def nodes(folder: Path, text: str, known: Known | None = None) -> list[tuple[int, str]]:
    """Errors of a flow whose nodes begin in line 4 (prompts: p)."""
    head = "start: a\nprompts: {p: {sound: hello}}\nnodes:\n"
    return found(folder, head + textwrap.indent(textwrap.dedent(text).lstrip("\n"), "  "), known)


def test_the_demo_flows_are_free_of_errors_and_warnings() -> None:
    flows = load_flows(CONFIG, known=Known(queues=["support", "sales"], skills=["german", "routers", "sales"]))
    assert (flows.errors, flows.warnings) == ((), ())
    assert {"support", "direct"} <= flows.flows.keys()
    assert flows.flows["direct"].nodes == {"queue": Enqueue("support")}
    main = flows.flows["support"].nodes["main"]
    assert isinstance(main, Menu)
    assert main.choices["2"].label == "Router support"


def test_every_error_is_collected_with_its_line(tmp_path: Path) -> None:
    errors = found(
        tmp_path,
        """\
        start: nowhere
        colour: red
        prompts:
          p: {sound: ../../etc/passwd}
        nodes:
          a:
            kind: menu
            prompts: [p, q]
            retries: many
            choices:
              1: b
              x: b
              1: c
            default: a
          h:
            kind: hours
            timezone: Europe/Atlantis
            week: {mon: 8-18, mon-wed: 08:00-18:00, day: closed}
            holidays: [2026-02-30]
            open: a
            closed: a
          z: {kind: teleport}
        """,
    )
    assert errors == [
        (1, "the node 'nowhere' does not exist"),
        (2, "the flow has the unknown key 'colour'; known: language, nodes, prompts, start, title"),
        (4, "the sound of prompt 'p' '../../etc/passwd' has characters that are not allowed"),
        (8, "the prompt 'q' does not exist"),
        (9, "retries must be a number from 0 to 9, not 'many'"),
        (11, "the node 'b' does not exist"),
        (12, "'x' is no key of a telephone"),
        (13, "choices has '1' twice, first in line 11"),
        (17, "unknown time zone 'Europe/Atlantis'"),
        (18, "'day' is no weekday or range of weekdays (mon, tue, ... or mon-fri)"),
        (18, "bad opening hours '8-18'; write for example 08:00-17:30, or closed"),
        (18, "mon stands in week twice"),
        (19, "bad holiday '2026-02-30'; write 2026-12-25, or 12-25 for every year"),
        (22, "unknown kind 'teleport'; known: say, menu, hours, set, enqueue, callback, voicemail, hangup"),
    ]


def test_the_error_carries_file_line_and_reason_for_the_wire(tmp_path: Path) -> None:
    with pytest.raises(FlowError) as caught:
        load_flow(write(tmp_path, "start: b\nnodes: {a: {kind: hangup}}\n"))
    assert isinstance(caught.value, Invalid)
    assert caught.value.code == "flow-invalid"
    assert caught.value.fields["problems"] == [
        {"file": "test.yaml", "line": 1, "reason": "the node 'b' does not exist"}
    ]
    assert str(caught.value) == "test.yaml:1: the node 'b' does not exist"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("a: &x {kind: hangup}\nb: *x\n", [(4, "anchors are refused (&x)"), (5, "aliases are refused (*x)")]),
        ("a: !!python/object/apply:os.system [id]\n", [(4, "tags are refused (tag:yaml.org,2002:python/object/apply:os.system)")]),
        ("a: {kind: hangup\n", [(5, "not YAML: expected ',' or '}', but got '<stream end>'")]),
        ("a: {kind: hangup, kind: say}\n", [(4, "node 'a' has 'kind' twice, first in line 4")]),
        ("a:\n", [(4, "node 'a' must be a mapping")]),
        ("a: {queue: q}\n", [(4, "node 'a' lacks the key 'kind'")]),
        ("a: {kind: say}\n", [(4, "node 'a' lacks the key 'next'"), (4, "node 'a' lacks the key 'prompts'")]),
        ("a: {kind: say, prompts: [], next: a}\n", [(4, "prompts must name at least one prompt")]),
        ("a: {kind: say, prompts: p, next: a, interrupt: maybe}\n", [(4, "interrupt must be true or false, not 'maybe'")]),
        ("a: {kind: menu, prompts: p, choices: {}, default: a}\n", [(4, "choices is empty")]),
        ("a: {kind: menu, prompts: p, choices: {1: a}, default: a, timeout: 0}\n", [(4, "timeout must be a number from 1 to 60, not '0'")]),
        ("a: {kind: menu, prompts: p, choices: {1: a}, default: a, retries: 1.5}\n", [(4, "retries must be a whole number")]),
        ("a: {kind: menu, prompts: p, choices: {1: {label: L}}, default: a}\n", [(4, "choice 1 lacks the key 'goto'")]),
        ("a: {kind: enqueue, queue: 'a b'}\n", [(4, "queue 'a b' has characters that are not allowed")]),
        ("a: {kind: enqueue, queue: q, skills: {german: 0}}\n", [(4, "the level of german must be a number from 1 to 100, not '0'")]),
        ("a: {kind: enqueue, queue: q, priority: -1}\n", [(4, "priority must be a number from 0 to 1000, not '-1'")]),
        ("a: {kind: hours, timezone: UTC, week: {mon: 09:00-09:00}, open: a, closed: a}\n", [(4, "opening hours '09:00-09:00' begin and end at the same time")]),
        ("a: {kind: hours, timezone: UTC, week: {mon: 09:00-25:00}, open: a, closed: a}\n", [(4, "bad opening hours '09:00-25:00'; write for example 08:00-17:30, or closed")]),
        ("a: {kind: hours, timezone: ../../etc/passwd, week: {}, open: a, closed: a}\n", [(4, "unknown time zone '../../etc/passwd'")]),
    ],
)  # fmt: skip
def test_bad_nodes(tmp_path: Path, text: str, errors: list[tuple[int, str]]) -> None:
    assert nodes(tmp_path, text) == errors


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"start: \xff\n", 1, "not UTF-8"),
        (b"start: a\nnodes:\n  a\xe9: 1\n", 3, "not UTF-8"),
        (b"- just\n- a list\n", 1, "a flow is a mapping with the keys start and nodes"),
        (b"", 1, "a flow is a mapping with the keys start and nodes"),
        (b"a: 1\n---\nb: 2\n", 2, "more than one document"),
        (b"a: " + b"[" * 5000, 1, "nested deeper than 12 levels"),
        (b"#" * (256 * 1024 + 1), 0, "larger than 256 KiB"),
        (b"start: a\nnodes: {\x07}\n", 2, "not YAML: a character that is not allowed"),
    ],
)
def test_files_that_are_no_flows(tmp_path: Path, data: bytes, line: int, reason: str) -> None:
    path = tmp_path / "test.yaml"
    path.write_bytes(data)
    flow, problems = check_flow(path)
    assert flow is None
    assert [(one.line, one.reason) for one in problems.errors] == [(line, reason)]


def test_billion_laughs_are_refused_before_anything_is_composed(tmp_path: Path) -> None:
    rows = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    errors = found(tmp_path, "\n".join(rows))
    assert all("refused" in reason for _, reason in errors)


def test_scalars_are_not_guessed_into_other_types(tmp_path: Path) -> None:
    text = "start: no\nnodes:\n  no: {kind: hours, timezone: UTC, week: {mon: 08:00-18:00}, open: no, closed: 0123}\n"
    flow = load_flow(write(tmp_path, text + "  0123: {kind: hangup}\n"))
    node = flow.nodes["no"]
    assert isinstance(node, Hours)
    assert node.closed == "0123"


def test_unreachable_nodes_and_silent_prompts_are_warnings(tmp_path: Path) -> None:
    text = "start: q\nprompts:\n  p: {text: Hello}\nnodes:\n  q: {kind: enqueue, queue: s}\n  x: {kind: hangup}\n"
    flow, problems = check_flow(write(tmp_path, text))
    assert flow is not None
    assert [(one.line, one.reason) for one in sorted(problems.warnings)] == [
        (3, "prompt 'p' has no sound, so it is silent where no speech can be made"),
        (6, "the node 'x' is never reached"),
    ]


def test_references_outside_the_file_are_checked_when_known(tmp_path: Path) -> None:
    known = Known(queues=["support"], skills=["german"], has_sound=lambda name: name != "hello")
    assert nodes(tmp_path, "a: {kind: enqueue, queue: sale, skills: {greek: 1}}\n", known) == [
        (2, "the sound 'hello' of prompt 'p' does not exist"),
        (4, "the queue 'sale' does not exist"),
        (4, "the skill 'greek' does not exist"),
    ]


def test_a_bad_file_takes_down_no_other_and_keeps_its_previous_version(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "one.yaml")
    write(tmp_path, GOOD, "two.yaml")
    first = load_flows(tmp_path)
    write(tmp_path, "start: [", "one.yaml")
    write(tmp_path, GOOD.replace("support", "sales"), "two.yaml")
    write(tmp_path, "nodes: 1", "three.yaml")
    second = load_flows(tmp_path, first)
    assert second.flows["one"] == first.flows["one"]
    assert second.flows["two"].nodes == {"q": Enqueue("sales")}
    assert "three" not in second.flows
    assert second.stale == {"one"}
    assert {one.file for one in second.errors} == {"one.yaml", "three.yaml"}
    (tmp_path / "two.yaml").unlink()
    assert load_flows(tmp_path, second).find("two") is None


def test_a_missing_folder_is_an_error_and_no_crash(tmp_path: Path) -> None:
    flows = load_flows(tmp_path / "none")
    assert [one.reason for one in flows.errors] == ["no such folder"]


def test_the_diagram_shows_every_node_and_way_and_escapes_labels(tmp_path: Path) -> None:
    demo = load_flow(CONFIG / "support.yaml")
    chart = mermaid(demo)
    ways = sum(len(node.targets()) for node in demo.nodes.values())
    assert chart.count("-->") == ways + 1
    text = "start: a\nprompts: {p: {sound: hello}}\nnodes:\n  a: {kind: menu, prompts: p, choices: {1: {goto: a, label: 'x\"] --> y'}}, default: a}\n"
    assert 'n0 -->|"1 x#34;#93; --#62; y"| n0' in mermaid(load_flow(write(tmp_path, text)))
