"""The store as one owner sees it: what is another's is not there, by whatever id it is asked for."""

from shared.storage.owned.claims import NotTheirs
from shared.storage.owned.store import OwnedStore, StoreOf
from shared.storage.owned.things import OwnedQuota, OwnedVersioned
from shared.storage.versioned import Resource

__all__ = ["NotTheirs", "OwnedQuota", "OwnedStore", "OwnedVersioned", "Resource", "StoreOf"]
