"""All that stands of one run once it is at rest: its transcript, results, costs and events."""

from dataclasses import dataclass

from shared.contracts.generations import Generation, UsageRow
from shared.contracts.runs import Run
from shared.contracts.transcript import Entry, Failure
from shared.storage import Store
from support.workers.broker import Broker, Payload, fields


@dataclass(frozen=True, slots=True)
class RunRecord:
    """`entries` are those of its first conversation; `facts` its events but for text, which are `deltas`."""

    run: Run
    entries: list[Entry]
    generations: list[Generation]
    rows: list[UsageRow]
    facts: list[Payload]
    deltas: list[Payload]

    @property
    def types(self) -> list[str]:
        return fields(self.facts, "type")

    @property
    def text(self) -> str:
        """What was shown of it."""
        return "".join(fields(self.deltas, "text"))

    @property
    def entry(self) -> Entry:
        """The only one."""
        (entry,) = self.entries
        return entry

    @property
    def row(self) -> UsageRow:
        """The only one."""
        (row,) = self.rows
        return row

    @property
    def failure(self) -> Failure:
        """That of its only result."""
        (failed,) = self.generations
        assert failed.failure is not None
        return failed.failure

    @property
    def end(self) -> str | None:
        """The answer's text or the code of the failure; None where there is neither, or more than one."""
        ends = [entry.content for entry in self.entries] + [one.failure.code for one in self.generations if one.failure]
        return ends[0] if len(ends) == 1 else None


async def run_record(store: Store, broker: Broker, of: Run) -> RunRecord:
    """As it stands now."""
    return RunRecord(
        of,
        await store.entries.transcript(of.conversation_id(1)),
        await store.generations.of_run(of.id),
        await store.usage.of_run(of.id),
        await broker.facts(of.id),
        await broker.deltas(of.id),
    )
