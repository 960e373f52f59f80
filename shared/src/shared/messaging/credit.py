"""How many jobs may still be asked for: never more than there are free slots. Pure; times are seconds of any clock."""

from collections import deque

# Short, because the broker also serves the requests of a process that is frozen: they should not outlive it for long.
REQUEST_SECONDS = 10.0
SLACK_SECONDS = 2.0


class Credit:
    """Counts slots in use and messages asked for that have not come.

    The broker serves its waiting requests in turn, so a message cannot be laid to one request; only their sum counts.
    A request that ends says how many messages it still owed. One that is refused in silence (too many waiting) says
    nothing: no more can be owed than was asked for within a request's life, so the sum is cut to that.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.in_use = 0
        self.outstanding = 0
        self._asked: deque[tuple[float, int]] = deque()

    @property
    def low(self) -> bool:
        """Whether more slots are free than are asked for: before that another request would only be work."""
        return self.slots - self.in_use > 2 * self.outstanding

    def to_ask(self, now: float) -> int:
        """How many messages to ask for now."""
        while self._asked and self._asked[0][0] < now - REQUEST_SECONDS - SLACK_SECONDS:
            self._asked.popleft()
        self.outstanding = min(self.outstanding, sum(count for _, count in self._asked))
        return max(0, self.slots - self.in_use - self.outstanding)

    def ask(self, count: int, now: float) -> None:
        """A request for `count` messages is sent."""
        self.outstanding += count
        self._asked.append((now, count))

    def take(self) -> bool:
        """A message came. True where a slot is free for it, which it then has."""
        self.outstanding = max(0, self.outstanding - 1)
        if self.in_use >= self.slots:
            return False
        self.in_use += 1
        return True

    def free(self) -> None:
        """A slot is free again."""
        self.in_use -= 1

    def ended(self, owed: int) -> None:
        """A request is over that still owed so many messages."""
        self.outstanding = max(0, self.outstanding - owed)

    def void(self) -> None:
        """No request lives any more (a reconnect, a deleted durable)."""
        self.outstanding = 0
        self._asked.clear()
