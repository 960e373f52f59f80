"""openapi-python-client: an agent, a battle, its status, its report and its messages; an answer, and two refusals.

Run as `python drive.py <gateway>` with the generated package beside it; raises AssertionError where the client does not
hold what was answered.
"""

import sys
import time

import httpx
from agent_wars_client import Client
from agent_wars_client.api.agents import create_agent
from agent_wars_client.api.battles import start_battle
from agent_wars_client.api.conversations import list_conversation_messages
from agent_wars_client.api.open_ai_wire_format import create_chat_completion
from agent_wars_client.api.reports import get_run_report
from agent_wars_client.api.runs import get_run_status
from agent_wars_client.models import (
    AgentBody,
    AgentBodyModelType0,
    AgentView,
    BattleStart,
    Completion,
    CompletionBody,
    ErrorBody,
    MessagesView,
    Refusal,
    Report,
    RunStatus,
    Started,
    StatusView,
    WireMessage,
    WireMessageRole,
)

ANSWER_SECONDS, RUN_SECONDS, POLL_SECONDS = 15.0, 20.0, 0.2


def main() -> None:
    with Client(base_url=sys.argv[1], timeout=httpx.Timeout(ANSWER_SECONDS), raise_on_unexpected_status=True) as client:
        status = _ended(client, _started(client))
        assert status.status is RunStatus.COMPLETE
        report = get_run_report.sync(status.run_id, client=client)
        assert isinstance(report, Report)
        assert report.stats.total == 1
        [conversation] = status.conversation_ids
        read = list_conversation_messages.sync(conversation, client=client)
        assert isinstance(read, MessagesView)
        assert len(read.messages) >= 2
        assert all(message.content for message in read.messages)
        _answered(client)
        _refused(client)


def _started(client: Client) -> str:
    prompt = "You are the support agent of Kettle & Co. Ask for the order number."
    body = AgentBody(name="Kettle", system_prompt=prompt, model=AgentBodyModelType0("demo-fast"))
    agent = create_agent.sync(client=client, body=body)
    assert isinstance(agent, AgentView)
    battle = BattleStart(agent_id=agent.id, goal="The agent asks for the order number.", message_limit=4, seed=5)
    started = start_battle.sync(client=client, body=battle)
    assert isinstance(started, Started)
    return started.run_id


def _ended(client: Client, run_id: str) -> StatusView:
    """Asked again and again: this generator makes no reader of streams, and a status cannot be waited for.

    What is read next stands before a status is terminal.
    """
    ends = time.monotonic() + RUN_SECONDS
    while time.monotonic() < ends:
        status = get_run_status.sync(run_id, client=client)
        assert isinstance(status, StatusView)
        if status.terminal:
            return status
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"{run_id} did not end within {RUN_SECONDS} s")


def _asked(model: str) -> CompletionBody:
    question = WireMessage(role=WireMessageRole.USER, content="Please count to 3")
    return CompletionBody(model=model, messages=[question])


def _answered(client: Client) -> None:
    """A whole answer is an object, though the same operation may stream."""
    completion = create_chat_completion.sync(client=client, body=_asked("demo-fast"))
    assert isinstance(completion, Completion)
    assert [choice.message.content for choice in completion.choices] == ["1 2 3"]


def _refused(client: Client) -> None:
    """Errors are objects of the shape of their path."""
    unknown = get_run_status.sync_detailed("nowhere", client=client)
    assert isinstance(unknown.parsed, ErrorBody)
    assert (unknown.status_code, unknown.parsed.error) == (404, "not_found")
    refusal = create_chat_completion.sync(client=client, body=_asked("nobody"))
    assert isinstance(refusal, Refusal)
    assert "nobody" in refusal.error.message


if __name__ == "__main__":
    main()
