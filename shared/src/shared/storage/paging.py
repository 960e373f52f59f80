"""Pages of lists, bounded by how many they hold and by the memory they take, whichever comes first."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from shared.bounded_cache import held_bytes
from shared.storage.driver import Collection, Document, mapped_errors

PAGE_BYTES = 8 * 1024 * 1024
BATCH = 25
"""Documents that are read at once: few enough that a batch of the largest ones is no burden either."""

Item = TypeVar("Item")


class Page(list[Item], Generic[Item]):
    """Some things in their order; `more` says that others follow. One that is large by itself is a page of its own."""

    def __init__(self, items: Iterable[Item] = (), *, more: bool = False) -> None:
        super().__init__(items)
        self.more = more


class PageReader:
    """Reads one page, document by document: what would not fit is not read to its end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self.found: list[Document] = []
        self.more = False

    def take(self, document: Document) -> bool:
        """Whether the document is on the page; the first that is not says that there are more."""
        size = held_bytes(document)
        if len(self.found) == self._limit or (self.found and self._bytes + size > PAGE_BYTES):
            self.more = True
            return False
        self.found.append(document)
        self._bytes += size
        return True

    async def read(
        self, collection: Collection, query: Document, shown: Document | None, order: str, direction: int, skip: int = 0
    ) -> None:
        """Takes what a query finds, in an order, until the page is full. Raises StoreUnavailable."""
        cursor = collection.find(query, shown, batch_size=BATCH).sort(order, direction).skip(skip)
        with mapped_errors():
            try:
                async for document in cursor.limit(self._limit - len(self.found) + 1):
                    if not self.take(document):
                        break
            finally:
                await cursor.close()

    def page(self, of: Callable[[Document], Item]) -> Page[Item]:
        """The page, made of what was read."""
        return Page(map(of, self.found), more=self.more)


async def read_page(
    collection: Collection,
    query: Document,
    limit: int,
    of: Callable[[Document], Item],
    *,
    shown: dict[str, Any] | None = None,
    order: str = "_id",
    direction: int = -1,
    skip: int = 0,
) -> Page[Item]:
    """At most `limit` of what a query finds. Raises StoreUnavailable."""
    reading = PageReader(limit)
    await reading.read(collection, query, shown, order, direction, skip)
    return reading.page(of)
