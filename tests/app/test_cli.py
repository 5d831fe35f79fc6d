"""The command line: shapes of `--json`, exit codes, and what goes to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from novels import QUESTION, novel
from typer.testing import CliRunner

from app.cli.main import app

INGESTED = {
    "id",
    "title",
    "chapters",
    "segments",
    "tokens",
    "state_bytes",
    "kv_cache_bytes",
    "seconds",
    "resumed",
    "already_known",
}
LISTED = {
    "id",
    "title",
    "segments",
    "tokens",
    "state_bytes",
    "state_sha256",
    "kv_cache_bytes",
    "memory",
    "backbone",
    "adapter",
}
SHOWN = LISTED | {"chapters", "pages"}
ANSWER = {"answer", "confidence", "sources", "first_token_seconds", "seconds"}
SLOW = ("gradio", "langchain_text_splitters", "sympy", "torch._dynamo", "transformers")
SOURCE = {"segment", "chapter", "page_first", "page_last", "weight", "text"}


@pytest.fixture(autouse=True)
def tiny_settings(tiny_backbone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "backbone": str(tiny_backbone),
        "window": "32",
        "keep_ratio": "0.25",
        "answer_tokens": "6",
    }.items():
        monkeypatch.setenv(f"BOOKSTATE_{name.upper()}", value)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    file = tmp_path / "novel.md"
    file.write_bytes(novel(sentences=3))
    return file


@pytest.fixture
def known(book: Path) -> str:
    """The id of a document that was read."""
    identity: str = value("ingest", book)["id"]
    return identity


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def value(*arguments: object) -> Any:
    """The one JSON value that a command prints with --json."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr or result.exception
    lines = result.stdout.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0], parse_constant=pytest.fail)


def refusal(*arguments: object, code: int = 1) -> str:
    """The one line on standard error of a refused command."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_ingest(book: Path) -> None:
    first = value("ingest", book, "--title", "The Novel")
    assert first.keys() == INGESTED
    assert (first["title"], first["chapters"]) == ("The Novel", 3)
    assert (first["resumed"], first["already_known"]) == (False, False)
    again = value("ingest", book)
    assert again == {**first, "already_known": True}


@pytest.mark.parametrize("memory", ["infini", "melodi"])
def test_ingest_with_another_memory(book: Path, memory: str) -> None:
    assert value("ingest", book, "--memory", memory).keys() == INGESTED
    assert [d["memory"] for d in value("list")] == [memory]


def test_list_and_show(known: str) -> None:
    listed = value("list")
    assert [d["id"] for d in listed] == [known]
    assert listed[0].keys() >= LISTED
    assert value("list", "--search", "nowhere") == []
    shown = value("show", known[:5])
    assert shown.keys() >= SHOWN
    assert {name: shown[name] for name in listed[0]} == listed[0]
    assert [c["number"] for c in shown["chapters"]] == [1, 2, 3]
    assert sum(c["segments"] for c in shown["chapters"]) == shown["segments"]
    assert shown["pages"] >= 1
    assert len(shown["state_sha256"]) == 64
    assert shown["state_bytes"] == sum(shown["state_parts"].values())


def test_show_lists_the_readings(known: str, book: Path) -> None:
    (only,) = value("show", known)["readings"]
    assert only == {
        **{name: value("show", known)[name] for name in ("memory", "backbone", "created_at")},
        **{name: value("show", known)[name] for name in ("segments", "segments_done")},
        **{name: value("show", known)[name] for name in ("state_bytes", "ready")},
        "id": known,
        "in_use": True,
    }
    assert value("ingest", book, "--memory", "melodi")["id"] == known
    first, second = value("show", known)["readings"]
    assert [(r["memory"], r["in_use"]) for r in (first, second)] == [
        ("adaptive", False),
        ("melodi", True),
    ]
    assert value("show", known)["memory"] == value("list")[0]["memory"] == "melodi"
    assert value("show", second["id"]) == value("show", known)
    said = run("show", known).stdout
    assert f"reading {first['id']}  adaptive" in said
    assert said.count("in use") == 1


def test_reread(known: str, book: Path) -> None:
    before = value("show", known)
    book.unlink()
    read = value("reread", known, "--memory", "infini")
    assert read.keys() == INGESTED
    assert (read["id"], read["already_known"]) == (known, False)
    assert value("show", known)["memory"] == "infini"
    back = value("reread", known, "--memory", "adaptive")
    assert back["already_known"]
    now = value("show", known)
    assert now.pop("readings") != before.pop("readings")
    assert now == before
    assert value("reread", known, "--share", "0.5")["state_bytes"] > before["state_bytes"]
    assert "already known" in run("reread", known, "--share", "0.5").stdout


def test_rm_of_one_reading(known: str, book: Path) -> None:
    assert "has only this reading" in refusal("rm", known, "--reading")
    value("ingest", book, "--memory", "melodi")
    second = value("show", known)["readings"][1]["id"]
    assert value("rm", second[:9])["memory"] == "melodi"
    assert value("show", known)["memory"] == "adaptive"
    value("ingest", book, "--memory", "melodi")
    assert value("rm", known, "--reading")["memory"] == "adaptive"
    assert value("show", known)["memory"] == "melodi"
    assert "No document" in refusal("show", "abcabcabcabc")
    value("rm", known)
    assert value("list") == []


def test_ask(known: str) -> None:
    answer = value("ask", known, QUESTION)
    assert answer.keys() >= ANSWER
    assert all(source.keys() >= SOURCE for source in answer["sources"])
    within = value("ask", known, QUESTION, "--chapter", 2)
    assert {s["chapter"] for s in within["sources"]} == {2}
    until = value("ask", known, QUESTION, "--as-of-chapter", 1)
    assert {s["chapter"] for s in until["sources"]} == {1}


@pytest.mark.parametrize("memory", ["infini", "melodi"])
def test_a_chapter_that_cannot_be_had_alone_is_said_to_be_more(
    book: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, on standard error, whatever the JSON holds."""
    monkeypatch.setenv("BOOKSTATE_INFINI_UPDATE", "delta")
    known = value("ingest", book, "--memory", memory)["id"]
    said = "is from chapters 1 to 2 together"
    for command in (["ask", known, QUESTION], ["summarize", known]):
        for arguments in (["--chapter", 2], ["--chapter", 2, "--json"]):
            assert run(*command, *arguments).stderr.count(said) == 1
        assert "together" not in run(*command, "--chapter", 1).stderr
    assert "together" not in run("ask", known, QUESTION, "--as-of-chapter", 2).stderr


def test_ask_for_people_prints_the_answer(known: str) -> None:
    asked = run("ask", known, QUESTION)
    assert asked.exit_code == 0
    answer = value("ask", known, QUESTION)
    guess = "Perhaps: " if answer["confidence_word"] == "guess" else ""
    assert asked.stdout.strip() == f"{guess}{answer['answer']}"
    assert answer["evidence"][0]["text"].split()[0] in asked.stderr
    assert "confidence" in asked.stderr


def test_ask_a_file_of_questions(known: str, tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    asked = [
        {"id": "q1", "question": QUESTION},
        {"id": 2, "question": "What is\u2028behind the church?"},
        {"question": "Who?"},
    ]
    lines = [json.dumps(a, ensure_ascii=False) for a in asked]
    file.write_text("\n\n".join(lines) + "\n", "utf-8-sig")
    result = run("ask", known, "--questions", file, "--json")
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.split("\n") if line]
    assert [a["id"] for a in answers] == ["q1", 2, None]
    assert all(a.keys() >= ANSWER | {"id"} for a in answers)
    untimed = {"seconds": 0, "first_token_seconds": 0, "id": 0}
    assert {**answers[0], **untimed} == {**value("ask", known, QUESTION), **untimed}


def test_a_file_can_be_a_conversation(known: str, tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    turns = [QUESTION, "And why?", QUESTION]
    file.write_text("".join(json.dumps({"question": turn}) + "\n" for turn in turns), "utf-8")
    together = run("ask", known, "--questions", file, "--conversation", "--json").stdout
    apart = run("ask", known, "--questions", file, "--json").stdout
    turns_of = [[json.loads(line) for line in out.splitlines()] for out in (together, apart)]
    assert [turn["about"] for turn in turns_of[0]] == [None, QUESTION, None]
    assert all("about" not in turn for turn in turns_of[1])
    answers = [[turn["answer"] for turn in made] for made in turns_of]
    assert answers[0][0] == answers[0][2] == answers[1][0]
    assert "--questions" in run("ask", known, QUESTION, "--conversation").stderr


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"question": "Who?"}\nnot json\n', "line 2 is not JSON"),
        (b'{"question": "Who?"}\n{"id": 1}\n', 'line 2 has no text under "question"'),
        (b'{"question": "\xff"}\n', "not UTF-8"),
    ],
)
def test_a_bad_file_of_questions_is_refused_before_any_answer(
    known: str, tmp_path: Path, data: bytes, reason: str
) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_bytes(data)
    assert reason in refusal("ask", known, "--questions", file, "--json")


def test_summarize(known: str) -> None:
    one = value("summarize", known, "--chapter", 2)
    assert one.keys() == {"summaries", "book"}
    assert [s["chapter"] for s in one["summaries"]] == [2]
    assert one["book"] is None
    chapters = value("summarize", known, "--chapters")
    keys = {"chapter", "title", "summary", "sentences", "key_passages"}
    assert all(s.keys() == keys for s in chapters["summaries"])
    assert [s["chapter"] for s in chapters["summaries"]] == [1, 2, 3]
    assert chapters["summaries"][1] == one["summaries"][0]
    assert chapters["book"] is None
    whole = value("summarize", known, "--book")
    assert whole["summaries"] == chapters["summaries"]
    assert isinstance(whole["book"], str)


def test_append_rename_and_rm_print_the_document(known: str, tmp_path: Path) -> None:
    more = tmp_path / "more.md"
    more.write_bytes(novel(chapters=1, sentences=3, seed=9))
    appended = value("append", known, more)
    assert appended.keys() >= SHOWN
    assert len(appended["chapters"]) == 4
    assert [s["file_name"] for s in appended["sources"]] == ["novel.md", "more.md"]
    renamed = value("rename", known, "Other")
    assert (renamed["id"], renamed["title"]) == (known, "Other")
    removed = value("rm", known)
    assert removed == renamed
    assert value("list") == []


def test_export_and_import_print_the_document(known: str, tmp_path: Path) -> None:
    out = tmp_path / "novel.bookstate"
    shown = value("show", known)
    assert value("export", known, out) == shown
    value("rm", known)
    assert value("import", out) == shown


def test_models_and_doctor(known: str) -> None:
    assert value("models", "list") == []
    checks = value("doctor")
    assert all(c.keys() == {"check", "ok", "detail"} and c["ok"] for c in checks)


def test_doctor_fails_without_a_backbone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTATE_BACKBONE", "default")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert [c["ok"] for c in json.loads(result.stdout) if c["check"] == "backbone"] == [False]


def test_doctor_reports_a_damaged_database_and_goes_on(home: Path) -> None:
    home.mkdir()
    (home / "bookstate.db").write_bytes(b"not a database at all " * 100)
    result = run("doctor", "--json")
    assert result.exit_code == 1
    checks = {c["check"]: c for c in json.loads(result.stdout)}
    assert not checks["database"]["ok"] and "bookstate.db" in checks["database"]["detail"]
    assert checks["backbone"]["ok"]
    assert "damaged or is not a database" in refusal("list")


def test_refusals_are_one_line_and_nothing_else(
    known: str, tmp_path: Path, other_backbone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank, picture = tmp_path / "blank.txt", tmp_path / "picture.png"
    blank.write_bytes(b" ")
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert "No document" in refusal("show", "nope", "--json")
    assert "No document" in refusal("ask", "nope", QUESTION, "--json")
    assert "empty" in refusal("ingest", blank, "--json")
    assert "PNG" in refusal("ingest", picture, "--json")
    assert "'rag'" in refusal("ingest", blank, "--memory", "rag", "--json")
    assert "question is empty" in refusal("ask", known, " ", "--json")
    assert "chapters 1 to 3" in refusal("ask", known, QUESTION, "--chapter", 9, "--json")
    assert "chapters 1 to 3" in refusal("summarize", known, "--chapter", 9, "--json")
    assert "blank" in refusal("rename", known, " ", "--json")
    assert "complete archive" in refusal("import", blank, "--json")
    assert "is a folder" in refusal("export", known, tmp_path, "--json")
    assert "--backbone" in refusal("ask", known, QUESTION, "--backbone", other_backbone, "--json")
    assert "models pull" in refusal("ask", known, QUESTION, "--backbone", "nowhere", "--json")
    monkeypatch.setenv("BOOKSTATE_WINDOW", "1")
    assert "'window' cannot be '1'" in refusal("list", "--json")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["show"],
        ["ingest", "/no/such/file.txt"],
        ["ask", "id"],
        ["ask", "id", "question", "--questions", __file__],
        ["ask", "id", "question", "--chapter", "two"],
        ["summarize", "id", "--chapter", "1", "--book"],
        ["serve", "--port", "70000"],
    ],
)
def test_wrong_usage_exits_with_two(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage" in result.stderr


def test_an_uncalibrated_backbone_is_named_on_standard_error(
    book: Path, other_backbone: Path
) -> None:
    result = run("ingest", book, "--backbone", other_backbone, "--json")
    assert json.loads(result.stdout).keys() == INGESTED
    assert "'other' is not calibrated" in result.stderr


def test_the_program_itself_keeps_the_streams_apart(known: str) -> None:
    """A real process: the answer on one stream, everything else on the other."""
    command = [sys.executable, "-m", "app"]
    where: dict[str, Any] = {
        "cwd": Path(__file__).parents[2],
        "env": os.environ | {"OMP_NUM_THREADS": "1"},
        "capture_output": True,
        "text": True,
        "check": False,
    }
    asked = subprocess.run([*command, "ask", known, QUESTION, "--json"], **where)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert json.loads(asked.stdout)["answer"] == value("ask", known, QUESTION)["answer"]
    refused = subprocess.run([*command, "ask", "nope", QUESTION, "--json"], **where)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("No document has the id or title 'nope'")


def test_asking_imports_nothing_slow_that_it_does_not_need(known: str) -> None:
    """A new process owes its first word within seconds."""
    script = (
        "import sys; from app.cli.main import app; app(sys.argv[1:], standalone_mode=False); "
        f"print(*(name for name in {SLOW} if name in sys.modules))"
    )
    command = [sys.executable, "-c", script, "ask", known, QUESTION, "--json"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[1] == ""


@pytest.mark.parametrize(("own", "used"), [("", "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_leave_the_cores_unless_told_otherwise(own: str, used: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if own:
        environment["OMP_WAIT_POLICY"] = own
    script = "import app, os, sys; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    assert done.stdout.split() == [used, "False"]
