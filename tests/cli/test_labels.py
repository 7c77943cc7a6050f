"""The options `--labels` and `--labels-on`, on every command that reads records."""

from pathlib import Path

import pytest

from genanalytics.cli.main import commands, run
from genanalytics.files import write
from genanalytics.records.coverage import Coverage
from support.generations import frame_of
from support.printed import objects_of

COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    **{
        name: ([], [])
        for name in ("attempts", "cache-flips", "items", "price-changes", "prices", "quality", "sessions")
    },
    "plot": (["cost-over-time"], ["-o", "out.png"]),
    "report": ([], ["-o", "out.html"]),
}
"""What a command takes before and after the records."""


@pytest.fixture(autouse=True)
def _in_a_directory_with_records(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    users = ["u1", "u1", "u2", None, "u3"]
    frame = frame_of(*({"external_user": user, "total_cost": 2.0**place} for place, user in enumerate(users)))
    frame.attrs["coverage"] = Coverage.of(["gen-x"], found=len(frame)).to_json()
    write(frame, "out.parquet")
    Path("users.csv").write_text('user,customer\nu1,Acme\nu2,"=HYPERLINK(""x"")"\nu9,Case\n')
    Path("revenue.csv").write_text("customer,revenue\nAcme,30\n")
    Path("evals.csv").write_text("requested_id,success\ngen-0,yes\ngen-1,no\n")


def printed_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
    assert run(arguments) == 0
    captured = capsys.readouterr()
    return captured.out, captured.err


LABELLED = ("out.parquet", "--labels", "users.csv", "--labels-on", "external_user")


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_a_label_groups_and_filters(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = objects_of(capsys, "summary", *LABELLED, "--by", "customer", "--metrics", "cost", "--engine", engine)
    assert {row["customer"]: row["effective_cost"] for row in rows} == {None: 24, "Acme": 3, '=HYPERLINK("x")': 4}
    (row,) = objects_of(
        capsys, "summary", *LABELLED, "--where", "customer=Acme", "--metrics", "cost", "--engine", engine
    )
    assert row["requests"] == 2
    assert row["coverage"] is None  # of a part of the records


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_notices_are_on_stderr_with_the_name_of_the_file(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = printed_by(capsys, "summary", *LABELLED, "--by", "customer", "--engine", engine)
    assert "Note: users.csv: 2 of 5 records have no label: 1 without external_user, 1 with" in err
    assert "Note: users.csv: 1 of 3 keys matches no record: 'u9'." in err
    assert "Note" not in out
    assert "(1 of 6 missing)" in out


@pytest.mark.parametrize("engine", ["pandas", "duckdb"])
def test_several_tables_are_added_in_order(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["--labels", "users.csv", "--labels", "revenue.csv", "--labels", "evals.csv"]
    labels += ["--labels-on", "external_user", "--labels-on", "customer", "--labels-on", "requested_id"]
    options = ["--metrics", "outcomes,margins", "--by", "customer", "--engine", engine]
    rows = {row["customer"]: row for row in objects_of(capsys, "summary", "out.parquet", *labels, *options)}
    assert rows["Acme"]["margin"] == 30 - 3
    assert rows["Acme"]["usd_per_success"] == 3
    assert rows[None]["margin"] is None


def test_revenue_is_divided_before_rows_are_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["--labels", "users.csv", "--labels-on", "external_user"]
    Path("users.csv").write_text("user,revenue\nu1,30\n")
    (row,) = objects_of(
        capsys, "summary", "out.parquet", *labels, "--metrics", "margins", "--where", "requested_id=gen-0"
    )
    assert (row["revenue"], row["margin"]) == (15, 14)


def test_the_first_column_names_the_column_of_the_records(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = objects_of(capsys, "summary", "out.parquet", "--labels", "evals.csv", "--metrics", "outcomes")
    assert row["success_rate"] == 0.5


def test_every_command_that_chooses_records_takes_labels() -> None:
    for command in commands.load_commands().values():
        names = {param.name for param in command.params}
        assert "where" not in names or {"labels", "labels_on"} <= names


@pytest.mark.parametrize("command", COMMANDS)
def test_labels_are_added_before_records_are_chosen(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = COMMANDS[command]
    _, err = printed_by(capsys, command, *before, *LABELLED, "--where", "customer=Acme", *after)
    assert "users.csv: 1 of 3 keys" in err


def test_a_chart_by_a_label_shows_hostile_names(capsys: pytest.CaptureFixture[str]) -> None:
    printed_by(capsys, "plot", "cost-over-time", *LABELLED, "--by", "customer", "-o", "out.svg")
    assert "HYPERLINK" in Path("out.svg").read_text()
    out, _ = printed_by(capsys, "summary", *LABELLED, "--by", "customer", "--csv")
    assert '"\'=HYPERLINK(""x"")"' in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "users.csv"], "the first column of the labels, 'user', is no column of the records: say which"),
        (["--labels", "users.csv", "--labels-on", "usr"], "cannot label by 'usr': the data has no such column"),
        (["--labels", "nowhere.csv"], "cannot read nowhere.csv"),
        (["--labels-on", "external_user"], "--labels-on is given 1 times for 0 files of --labels"),
        (["--labels", "evals.csv", "--labels-on", "a", "--labels-on", "b"], "--labels-on is given 2 times for 1 file"),
        (["--labels", "evals.csv", "--labels", "evals.csv"], "the data already has a column 'success'"),
        (["--metrics", "margins"], "the data has no column 'revenue', which 'revenue' needs: ga.label"),
    ],
)
def test_what_cannot_be_labelled_is_a_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["summary", "out.parquet", *arguments]) == 2
    assert message in capsys.readouterr().err
