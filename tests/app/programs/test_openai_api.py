"""The OpenAI API of the real server, with the real client package and bodies as programs send."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from novels import QUESTION, novel
from played import busy
from program_server import SOON, TITLE, TOKENS, ProgramServer, program_server, soon

from app.answering.answers import Answer
from app.line.line import Limits
from app.storage.store import Document

SHORT = 8  # tokens of an answer whose length does not matter


def asked(text: str = QUESTION, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": SHORT, **more}


def chunks(response: httpx.Response) -> list[dict[str, Any]]:
    """The chunks of a stream that ended as it should."""
    lines = [line for line in response.text.split("\n\n") if line and not line.startswith(":")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]


class TestModels:
    def test_a_document_is_a_model(self, programs: ProgramServer) -> None:
        client = programs.openai()
        (model,) = client.models.list().data
        assert (model.id, model.object) == (programs.document.id, "model")
        assert model.to_dict()["name"] == TITLE
        for name in (model.id, TITLE):
            assert client.models.retrieve(name).id == model.id

    def test_one_that_is_not_read_yet_is_none(self, programs: ProgramServer) -> None:
        library = programs.library.seen_by(programs.library.store.account("ada").id)
        unread, _ = library.register(novel(seed=9), "unread.md", title="Unread")
        try:
            assert len(programs.openai().models.list().data) == 1
            with pytest.raises(openai.NotFoundError, match="Unread"):
                programs.openai().models.retrieve(unread.id)
        finally:
            library.remove(unread.id)

    def test_no_name_is_no_model(self, programs: ProgramServer) -> None:
        listed = httpx.get(
            f"{programs.address}v1/models/", headers=programs.headers("ada"), timeout=SOON
        )
        assert listed.json()["object"] == "list"
        assert programs.post({"model": " ", **asked()}).status_code == 404

    def test_another_path_says_what_there_is(self, programs: ProgramServer) -> None:
        with pytest.raises(openai.NotFoundError, match="POST /v1/chat/completions"):
            programs.openai().embeddings.create(model="x", input="y")


class TestAnswers:
    def test_whole(self, programs: ProgramServer) -> None:
        said = programs.openai().chat.completions.create(
            model=programs.document.id, **asked(), temperature=0, n=1
        )
        (choice,) = said.choices
        own = said.to_dict()
        answer = own["bookstate"]
        assert set(answer) == set(Answer.__dataclass_fields__)
        assert choice.message.content and choice.message.content.startswith(answer["answer"])
        assert f'(page {answer["evidence"][0]["label_first"]}: "' in choice.message.content
        assert f"Confidence: {answer['confidence_word']}." in choice.message.content
        assert own["bookstate_notes"] == []
        assert choice.finish_reason == "length"  # a random model does not stop by itself
        assert said.usage and said.usage.completion_tokens == SHORT
        assert said.usage.total_tokens == SHORT + said.usage.prompt_tokens > SHORT

    def test_streamed(self, programs: ProgramServer) -> None:
        whole = programs.post({"model": TITLE, **asked()}).json()
        stream = programs.openai().chat.completions.create(
            model=TITLE, **asked(), stream=True, stream_options={"include_usage": True}
        )
        came = list(stream)
        text = "".join(c.choices[0].delta.content or "" for c in came if c.choices)
        assert text == whole["choices"][0]["message"]["content"]
        assert len([c for c in came if c.choices and c.choices[0].delta.content]) > 3
        assert len({(c.id, c.created) for c in came}) == 1
        *_, last, used = came
        assert last.choices[0].finish_reason == "length"
        assert last.to_dict()["bookstate"]["answer"] == whole["bookstate"]["answer"]
        assert used.usage and used.usage.to_dict() == whole["usage"]
        assert not used.choices

    def test_part_of_the_book(self, programs: ProgramServer) -> None:
        said = programs.openai().chat.completions.create(
            model=TITLE, **asked(), extra_body={"bookstate": {"chapter": 2}}
        )
        assert {s["chapter"] for s in said.to_dict()["bookstate"]["sources"]} == {2}
        with pytest.raises(openai.BadRequestError, match="Chapter 9 is not there"):
            programs.openai().chat.completions.create(
                model=TITLE, **asked(), extra_body={"bookstate": {"as_of_chapter": 9}}
            )

    def test_a_question_that_follows(self, programs: ProgramServer) -> None:
        first = programs.post({"model": TITLE, **asked()}).json()["choices"][0]["message"]
        chat = [{"role": "user", "content": QUESTION}, first]
        own = "Who mended the clock by the mill?"
        for last, follows in (("And why?", True), (own, False)):
            body = {"model": TITLE, "max_tokens": SHORT}
            body["messages"] = [*chat, {"role": "user", "content": last}]
            notes = programs.post(body).json()["bookstate_notes"]
            assert any(QUESTION in note for note in notes) is follows


class TestOtherPrograms:
    """Bodies with the fields that these programs were seen to send."""

    def test_calibre(self, programs: ProgramServer) -> None:
        system = {"role": "system", "content": "You are helping somebody to read a book."}
        body = {
            "model": programs.document.id,
            "messages": [system, *asked()["messages"]],
            "stream": True,
            "temperature": 0.7,
        }
        came = chunks(programs.post(body))
        assert "".join(c["choices"][0]["delta"].get("content") or "" for c in came)
        notes = came[-1]["bookstate_notes"]
        assert any("system" in note for note in notes)
        assert any("temperature" in note for note in notes)

    def test_koreader(self, programs: ProgramServer) -> None:
        body = {"model": programs.document.id, **asked(temperature=0.7, max_tokens=16384)}
        assert programs.post(body).json()["choices"][0]["message"]["content"]

    def test_open_webui(self, programs: ProgramServer) -> None:
        parts = [{"type": "text", "text": QUESTION}]
        body = {
            "model": programs.document.id,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": parts}],
            "max_completion_tokens": SHORT,
            "user": "somebody",
        }
        came = chunks(programs.post(body))
        assert came[-1]["usage"]["completion_tokens"] == SHORT
        assert came[0]["usage"] is None

    def test_librechat(self, programs: ProgramServer) -> None:
        body = asked(
            model=programs.document.id,
            stream=True,
            user="65f0",
            top_p=1,
            presence_penalty=0,
            frequency_penalty=0,
            temperature=1,
        )
        assert chunks(programs.post(body))[-1]["choices"][0]["finish_reason"] == "length"


class TestRefusals:
    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"n": 2}, "'n' must be 1"),
            ({"n": "many"}, "'n' cannot be used"),
            ({"messages": []}, "'messages' cannot be used"),
            ({"messages": "who?"}, "'messages' cannot be used"),
            ({"messages": [{"role": "system", "content": "x"}]}, "no question"),
            ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role"),
            ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
            (asked("word " * 600), "shorten it"),
            ({"max_tokens": 0}, "'max_tokens' cannot be used"),
            ({"logprobs": True}, "logprobs"),
            ({"tool_choice": "required"}, "calls no tools"),
            ({"response_format": {"type": "json_object"}}, "'response_format' must be text"),
            ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "Pictures"),
        ],
    )
    def test_in_a_sentence(self, programs: ProgramServer, more: dict[str, Any], why: str) -> None:
        refused = programs.post({"model": TITLE, **asked(), **more})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert why in error["message"] and error["message"].endswith(".")
        assert error["type"] == "invalid_request_error"

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000])
    def test_no_json(self, programs: ProgramServer, body: bytes) -> None:
        url = f"{programs.address}v1/chat/completions"
        refused = httpx.post(url, content=body, headers=programs.headers("ada"), timeout=SOON)
        assert refused.status_code == 400 and "JSON" in refused.json()["error"]["message"]

    def test_an_unknown_model(self, programs: ProgramServer) -> None:
        with pytest.raises(openai.NotFoundError) as caught:
            programs.openai().chat.completions.create(model="gpt-4o", **asked())
        assert caught.value.code == "model_not_found"

    def test_too_many_at_once(
        self, programs: ProgramServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(programs.line, "_limits", Limits(in_all=0))
        with pytest.raises(openai.RateLimitError, match="no more than 0"):
            programs.openai().chat.completions.create(model=TITLE, **asked())

    def test_an_unexpected_failure(
        self, programs: ProgramServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fails(*_: Any) -> None:
            raise RuntimeError("at /home/somebody")

        monkeypatch.setattr("app.library.Library.answer", fails)
        for stream in (False, True):
            said = programs.post({"model": TITLE, **asked(stream=stream)})
            assert "the log has the details" in said.text and "somebody" not in said.text
            assert stream or said.status_code == 500


class TestAccounts:
    def test_the_wrong_account_is_told_what_it_would_be_told_of_nothing(
        self, programs: ProgramServer
    ) -> None:
        bob = programs.openai("bob")
        assert not bob.models.list().data
        for name in (programs.document.id, TITLE):
            with pytest.raises(openai.NotFoundError) as caught:
                bob.chat.completions.create(model=name, **asked())
            nothing = programs.post({"model": "nothing", **asked()}, "bob").json()
            said = json.dumps(caught.value.body)
            assert said.replace(name, "nothing") == json.dumps(nothing["error"])

    def test_no_token(self, programs: ProgramServer) -> None:
        client = openai.OpenAI(base_url=f"{programs.address}v1", api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        assert programs.post({"model": TITLE, **asked()}, None).status_code == 401

    def test_a_login_of_the_page_serves_too(self, programs: ProgramServer) -> None:
        with httpx.Client(base_url=programs.address, timeout=SOON) as client:
            client.post("/login", data={"username": "ada", "password": "correct horse"})
            assert client.get("/v1/models").json()["data"][0]["name"] == TITLE
            foreign = {"Origin": "http://evil.example"}
            assert client.get("/v1/models", headers=foreign).status_code == 403

    def test_without_accounts_any_key_will_do(self, tmp_path: Path, tiny_backbone: Path) -> None:
        with program_server(tmp_path, tiny_backbone, accounts=False) as served:
            said = served.openai().chat.completions.create(model=TITLE, **asked())
            assert said.choices[0].message.content


class TestCancelled:
    def ask(self, programs: ProgramServer, **more: Any) -> Any:
        body = asked(model=programs.document.id, **more) | {"max_tokens": None}
        return programs.openai().chat.completions.create(**body)

    def stays_still(self, programs: ProgramServer, steps: list[float]) -> None:
        soon(lambda: not programs.line.works())
        taken = len(steps)
        time.sleep(0.5)
        assert len(steps) == taken < TOKENS

    def test_a_stream_that_is_closed(self, programs: ProgramServer, steps: list[float]) -> None:
        stream = self.ask(programs, stream=True)
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        stream.close()
        self.stays_still(programs, steps)

    def test_a_client_that_does_not_wait(self, programs: ProgramServer, steps: list[float]) -> None:
        with pytest.raises(openai.APITimeoutError):
            self.ask(programs, timeout=2.0)
        assert steps
        self.stays_still(programs, steps)

    def test_one_that_waits_for_its_turn_leaves(self, programs: ProgramServer) -> None:
        with busy(programs.line):
            for stream in (False, True):
                with pytest.raises(openai.APITimeoutError):
                    for _ in self.ask(programs, stream=stream, timeout=0.3):
                        pass
                soon(lambda: len(programs.line.works()) == 1)

    def test_a_document_that_is_deleted_meanwhile(
        self, programs: ProgramServer, steps: list[float]
    ) -> None:
        library = programs.library.seen_by(programs.library.store.account("ada").id)
        other: Document = library.add(novel(seed=4), "other.md").document
        stream = programs.openai().chat.completions.create(
            model=other.id, messages=asked()["messages"], stream=True
        )
        next(chunk for chunk in stream if chunk.choices[0].delta.content)
        programs.session.generations.stop_document(other.id)
        library.remove(other.id)
        with pytest.raises(openai.APIError, match="stopped on the server"):
            for _ in stream:
                pass
