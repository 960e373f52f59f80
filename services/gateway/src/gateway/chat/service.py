"""What the chat routes do: a posted message becomes an answer that is followed, in the format that was asked for."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.access.callers import Caller
from gateway.answers.answer_events import Answered
from gateway.answers.delivery import AnswerDelivery, Left
from gateway.answers.follower import AnswerFollower
from gateway.answers.formats import AnswerContext, AnswerFormat
from gateway.answers.json_answer import json_answer
from gateway.answers.positions import ChunkEncoder, Position, read_position
from gateway.answers.reader import AnswerReader
from gateway.chat.answers import Answer
from gateway.chat.chats import Chats
from gateway.chat.decide import AddMessage, decide
from gateway.chat.formats.choice import LEAVES_FOR_GOOD, WITH_COMMENTS, headers_of, knows_resets, written_as
from gateway.chat.formats.text import ContentEvents
from gateway.chat.new_chats import NewChats
from gateway.chat.validation import check_utterance
from gateway.chat.wire_messages import SentMessage, read_body
from gateway.errors import Conflict, InvalidRequest
from gateway.event_stream.log.cursors import run_tag
from gateway.event_stream.log.events import LogScope
from gateway.event_stream.readers.stream_request import last_event_id
from gateway.schemas.chat import ChatBody, FormatWord, RecoverBody
from shared.contracts.enums import Wanted
from shared.contracts.runs import Run
from shared.errors import BrokerUnavailable, NotYet

DECISIONS: Final = 5


class ChatService:
    """Serves chats."""

    def __init__(self, chats: Chats, new_chats: NewChats, delivery: AnswerDelivery) -> None:
        self.chats = chats
        self._new_chats = new_chats
        self._delivery = delivery
        self._streams = delivery.streams
        self._tiers = delivery.router.tiers()

    async def post(self, request: Request, caller: Caller, body: ChatBody, format_: FormatWord) -> Response:
        """Answers a posted message. Everything that can be refused is refused before the first byte."""
        sent = read_body(body)
        self.chats.check_broker()
        await self._streams.check(caller)
        # Before anything is stored: 503 says that nothing was.
        state = await self._streams.hub.source.state()
        answer = await self._answer(caller, body, sent, format_, state.last)
        if format_ == "json":
            return await self._whole(request, answer)
        return await self._streamed(request, caller, answer, format_, state.epoch)

    async def resume(self, request: Request, caller: Caller, reference: str, format_: FormatWord) -> Response:
        """Goes on with an answer, or tells one whole that nobody has read to its end; 204 where there is nothing.

        Raises TooManyStreams, BrokerUnavailable, StoreUnavailable.
        """
        await self._streams.check(caller)
        run = await self.chats.find(caller, reference)
        if run is None or run.control.wanted is Wanted.CANCEL:
            return Response(status_code=204)
        answer, state = await asyncio.gather(self.chats.last_answer(run), self._streams.hub.source.state())
        since = read_position(last_event_id(request)) if answer else None
        if answer is not None and since is not None:
            state = await self._streams.hub.source.state(since.cursor.sequence)
            if since.cursor.epoch == state.epoch and since.cursor.sequence <= state.last:
                there = answer.at(since)
                if there is not None:
                    if since.at_end:
                        return Response(status_code=204)
                    return await self._streamed(request, caller, there, format_, state.epoch, since)
        if answer is None or (answer.standing and await self._delivery.reader_leases.read_seq(run.id) >= answer.seq):
            return Response(status_code=204)
        return await self._streamed(request, caller, answer, format_, state.epoch)

    async def recover(self, request: Request, caller: Caller, body: RecoverBody) -> Response:
        """What follows a text of the last answer that a client has; 204 where there is no answer.

        Raises NotFound, TooManyStreams, BrokerUnavailable, StoreUnavailable.
        """
        await self._streams.check(caller)
        run = await self.chats.get(caller, body.conversation_id)
        answer = await self.chats.last_answer(run)
        if answer is None:
            return Response(status_code=204)
        # Without ids: a position does not say which text was known.
        written = ContentEvents(ChunkEncoder(None, answer.seq), body.last_content)
        return await self._serve(caller, answer, written, "sse", stops=False)

    async def stop(self, caller: Caller, reference: str) -> tuple[Run, int | None]:
        """Has the answer that is owed end with what it has; its seq, None where none is owed. Raises NotFound."""
        run = await self.chats.get(caller, reference)
        answer = await self.chats.last_answer(run)
        if answer is None or answer.standing:
            return run, None
        await self.chats.stop(run, answer.seq)
        return run, answer.seq

    async def _answer(
        self, caller: Caller, body: ChatBody, sent: list[SentMessage], format_: FormatWord, last: int
    ) -> Answer:
        """The answer to follow. Every round that loses an insert reads what won and decides anew.

        `last` is the stream's last sequence, as of late: nothing of an answer that is not asked for yet stands below.
        """
        if body.chat and (at_once := await self._at_once(caller, body.chat, body, sent, last)):
            return at_once
        found = await self.chats.open(caller, body.chat) if body.chat else None
        if found is None:
            run = await self._new_chats.run(caller, body, sent, leaves_for_good=format_ in LEAVES_FOR_GOOD)
            answer = await self.chats.begin(run)
            if answer is not None:
                return answer
            run = await self.chats.get(caller, body.chat or "")
            found = run, await self.chats.read(run)
        run, chat = found
        for _ in range(DECISIONS):
            if run.control.wanted is Wanted.CANCEL or chat.closed:
                raise Conflict("already_ended", f"Chat {run.id} was deleted: begin another one under a new id.")
            decision = decide(chat, sent, trigger=body.trigger, named=body.message_id)
            if isinstance(decision, AddMessage):
                check_utterance(decision.utterance, sent[-1].where)
            answer = await self.chats.go_on(run, chat, decision, last)
            if answer is not None:
                return answer
            chat = await self.chats.wait_for_change(run, chat)
        raise NotYet(f"chat {run.id} keeps changing")

    async def _at_once(
        self, caller: Caller, reference: str, body: ChatBody, sent: list[SentMessage], last: int
    ) -> Answer | None:
        """The answer to a new message of a chat that is remembered here; None where it has to be read first."""
        remembered = self.chats.cache.chat(caller.owner, reference)
        if remembered is None:
            return None
        run, chat = remembered
        try:
            decision = decide(chat, sent, trigger=body.trigger, named=body.message_id)
        except InvalidRequest:
            # Perhaps about what came since.
            return None
        if not isinstance(decision, AddMessage) or decision.rewind_to is not None:
            return None
        check_utterance(decision.utterance, sent[-1].where)
        # What the answer before it was made of need not be read again.
        above = max(last, self._streams.hub.position(LogScope(run.id, texts=True)))
        return await self.chats.add_at_once(run, chat, decision, above)

    async def _whole(self, request: Request, answer: Answer) -> Response:
        follower = await self._follower(answer)
        answered = await self._delivery.whole(request, follower, answer.run.id, self._stop_of(answer))
        return json_answer(self._about(answer), answered, self._headers(answer, "json"))

    async def _streamed(
        self,
        request: Request,
        caller: Caller,
        answer: Answer,
        format_: FormatWord,
        epoch: str,
        since: Position | None = None,
    ) -> Response:
        encoder = ChunkEncoder(f"{epoch}-{run_tag(answer.run.id)}-", answer.seq, since)
        written = written_as(format_, self._about(answer), encoder, knows_resets(request))
        recorded = since.cursor.sequence if since else 0
        stops = format_ in LEAVES_FOR_GOOD
        return await self._serve(caller, answer, written, format_, stops=stops, recorded=recorded)

    async def _serve(
        self,
        caller: Caller,
        answer: Answer,
        written: AnswerFormat,
        format_: FormatWord,
        *,
        stops: bool,
        recorded: int = 0,
    ) -> Response:
        leases = self._delivery.reader_leases

        def finished(answered: Answered) -> None:
            leases.finished(answer.run.id, answer.seq)
            self.chats.cache.answered(answer.run, answer.chat, answer.seq, answered.message)

        follower = await self._follower(answer, recorded)
        left = self._stop_of(answer) if stops else None
        reader = AnswerReader(follower, written, leases, answer.run.id, finished, left)
        return self._delivery.response(caller, reader, self._headers(answer, format_), events=format_ in WITH_COMMENTS)

    def _stop_of(self, answer: Answer) -> Left:
        """What stops the answer when its last reader has left."""

        async def left() -> None:
            await self.chats.stop(answer.run, answer.seq)

        return left

    async def _follower(self, answer: Answer, recorded: int = 0) -> AnswerFollower:
        try:
            after = await self.chats.beginning_of(answer)
        except BrokerUnavailable:
            # The question is stored: where the broker stays away the stream breaks off, and can be gone on with.
            after = 0
        return self._delivery.follower(answer.run, answer.seq, after, standing=answer.standing, recorded=recorded)

    def _headers(self, answer: Answer, format_: FormatWord) -> dict[str, str]:
        return {**self._delivery.headers(answer.run), **headers_of(format_)}

    def _about(self, answer: Answer) -> AnswerContext:
        agent = answer.run.settings.scenarios[0].agent
        return AnswerContext(answer.run.id, answer.seq, answer.message_id, agent.provider, agent.model, self._tiers)
