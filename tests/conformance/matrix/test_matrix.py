# SPDX-License-Identifier: MIT
"""The matrix says what ran, no more and no less."""

import pytest

import matrix

NODE = "device\tNode\tazure-iot-device\t1.18.4\tMQTT"
PAGE = f"# Compatibility\n\nBefore.\n\n{matrix.BEGIN}\n{{}}\n{matrix.END}\nAfter.\n"


def rows(*lines):
    return "".join(line + "\n" for line in lines)


@pytest.mark.parametrize(
    "line, complaint",
    [
        (NODE + "\ttwin", "6 fields"),
        (NODE + "\ttwin\tpassed\t", "8 fields"),
        (NODE.replace("device\t", "toaster\t", 1) + "\ttwin\tpassed", "no role 'toaster'"),
        (NODE + "\ttwins\tpassed", "no feature 'twins'"),
        (NODE + "\tfeedback\tpassed", "no feature 'feedback'"),  # a service has it
        (NODE + "\ttwin\tok", "'ok' is not a result"),
        (NODE.replace("1.18.4", "") + "\ttwin\tpassed", "empty field"),
    ],
)
def test_a_row_that_is_not_one_is_named(line, complaint):
    with pytest.raises(matrix.Malformed, match=complaint):
        matrix.parse(rows(NODE + "\ttwin\tpassed", line))


def test_the_worst_of_several_results_counts_in_any_order():
    for results in (("passed", "failed", "unsupported"), ("failed", "passed", "passed")):
        text = matrix.render(matrix.parse(rows(*(f"{NODE}\ttwin\t{result}" for result in results))))
        assert "FAILED" in text and "yes" not in text
    text = matrix.render(matrix.parse(rows(f"{NODE}\ttwin\tpassed", f"{NODE}\ttwin\tunsupported")))
    assert "not in the SDK" in text


def test_what_did_not_run_is_an_empty_cell_of_an_even_table():
    text = matrix.render(matrix.parse(rows(NODE + "\tmethod\tpassed")))
    assert text == (
        "**Devices**\n\n"
        "| language | SDK                     | transport | telemetry | twin | method | C2D |\n"
        "| -------- | ----------------------- | --------- | --------- | ---- | ------ | --- |\n"
        "| Node     | azure-iot-device 1.18.4 | MQTT      |           |      | yes    |     |\n"
    )


@pytest.fixture
def ran(tmp_path):
    """Runs matrix.py over these lines and a page; gives its exit code."""
    page = tmp_path / "compatibility.md"
    page.write_text(PAGE.format(""))
    results = tmp_path / "results.tsv"

    def run(option, *lines):
        results.write_text(rows(*lines))
        return matrix.main([str(results), option, str(page)])

    run.page = page
    return run


def test_a_page_that_was_written_passes_its_own_check_until_something_changes(ran, capsys):
    before = NODE + "\ttwin\tpassed", NODE + "\tC2D\tunsupported"
    assert ran("--write", *before) == 0
    assert ran("--check", *before) == 0
    text = ran.page.read_text()
    assert text.startswith("# Compatibility\n\nBefore.\n") and text.endswith("\nAfter.\n")

    capsys.readouterr()
    assert ran("--check", before[0]) == 1
    assert "--write" in capsys.readouterr().out
    assert ran("--check", *before, NODE.replace("1.18.4", "1.18.5") + "\ttwin\tpassed") == 1
    assert ran.page.read_text() == text


def test_a_failure_fails_even_where_the_page_keeps_it_and_so_does_an_empty_run(ran):
    failed = NODE + "\ttwin\tfailed"
    ran("--write", failed)
    assert ran("--check", failed) == 1
    ran("--write")
    assert ran("--check") == 1


def test_a_page_without_the_marks_is_refused(ran):
    ran.page.write_text("# Compatibility\n")
    with pytest.raises(matrix.Malformed, match="marks"):
        ran("--check", NODE + "\ttwin\tpassed")
