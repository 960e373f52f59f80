"""What the store is made of: one repository a collection."""

from collections.abc import Callable

from shared.storage.agents import Agents
from shared.storage.breakers import Breakers
from shared.storage.conversations import Conversations
from shared.storage.driver import Collection
from shared.storage.entries import Entries
from shared.storage.generations import Generations, UsageRows
from shared.storage.quotas import Quotas
from shared.storage.readers import Readers
from shared.storage.reports import Reports
from shared.storage.runs import Runs
from shared.storage.sessions import Sessions
from shared.storage.spending import SpendingSums
from shared.storage.stream_leases import StreamLeases
from shared.storage.templates import Templates


class Repositories:
    """The repositories of one database, whose `collection` is found by its name."""

    def __init__(self, collection: Callable[[str], Collection]) -> None:
        self.runs = Runs(collection("runs"))
        self.conversations = Conversations(collection("conversations"))
        self.entries = Entries(collection("entries"))
        self.generations = Generations(collection("generations"))
        self.usage = UsageRows(collection("usage"))
        self.spending = SpendingSums(collection("entries"))
        self.readers = Readers(collection("readers"))
        self.reports = Reports(collection("reports"))
        self.agents = Agents(collection("agents"), collection("agent_versions"))
        self.templates = Templates(collection("templates"), collection("template_versions"))
        self.sessions = Sessions(collection("sessions"))
        self.breakers = Breakers(collection("breakers"))
        self.quotas = Quotas(collection("quotas"))
        self.stream_leases = StreamLeases(collection("stream_leases"))
