"""Cancel, pause and resume: what is wanted of a run (docs/protocol.md section 6)."""

from gateway.errors import Conflict
from gateway.runs.commands import RunCommands
from gateway.runs.lookups import find_run
from shared.contracts.enums import Wanted
from shared.contracts.owner import Owner
from shared.contracts.runs import Run
from shared.contracts.timestamps import now
from shared.errors import NotYet, TransientError
from shared.logs import Logger
from shared.storage.owned import StoreOf

ATTEMPTS = 5


class RunControl:
    """Sets what is wanted, then tells the engine: the document decides, the message only wakes."""

    def __init__(self, store_of: StoreOf, commands: RunCommands, log: Logger) -> None:
        self._store_of = store_of
        self._commands = commands
        self._log = log

    async def want(self, owner: Owner, reference: str, wanted: Wanted) -> Run:
        """The run with the wish made. The same wish twice is no new version.

        Raises NotFound, and Conflict where the run has ended, is being cancelled or cannot pause.
        """
        store = self._store_of(owner)
        for _ in range(ATTEMPTS):
            run = await find_run(store, reference)
            _refuse(run, wanted)
            if run.control.wanted is wanted:
                return await self._tell(run)
            changed = await store.runs.set_wanted(run.id, wanted, run.control.version, now())
            if changed is not None:
                self._log.info("control changed", run_id=run.id, wanted=wanted, version=changed.control.version)
                return await self._tell(changed)
        raise NotYet(f"control of run {reference} keeps changing")

    async def give_up(self, run: Run) -> None:
        """Has a run end, and nobody shown it from now on."""
        marked = await self._store_of(run.owner).runs.give_up(run.id, now())
        if marked is not None:
            self._log.info("run given up", run_id=run.id, version=marked.control.version)
            await self._tell(marked)

    async def stop_answer(self, run: Run) -> None:
        """Cancels a run whose answer nobody waits for: the call to its model is closed at once."""
        try:
            await self.want(run.owner, run.id, Wanted.CANCEL)
        except (Conflict, TransientError) as error:
            # It ended by itself meanwhile, or will for want of readers.
            self._log.info("answer not stopped", run_id=run.id, reason=str(error))

    async def _tell(self, run: Run) -> Run:
        await self._commands.signal(run)
        if run.control.handled < run.control.version:
            await self._commands.announce(run)
        return run


def _refuse(run: Run, wanted: Wanted) -> None:
    if run.terminal:
        raise Conflict("already_ended", f"Run {run.id} has ended ({run.status}): nothing about it can be changed.")
    if run.control.wanted is Wanted.CANCEL and wanted is not Wanted.CANCEL:
        raise Conflict("not_pausable", f"Run {run.id} is being cancelled, and a cancel is never taken back.")
    if wanted is Wanted.PAUSE and not run.rules.pausable:
        raise Conflict("not_pausable", f"A run of kind {run.kind} cannot be paused; it can be cancelled.")
