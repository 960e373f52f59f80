"""Which provider and model answer: the one place where a wish becomes a chain of routes. Pure over the registry."""

from dataclasses import dataclass

from shared.contracts.enums import Fallback, Tier
from shared.contracts.routes import RouteWish
from shared.errors import AgentWarsError
from shared.routing.registry import ModelEntry, Registry


@dataclass(frozen=True, slots=True)
class Route:
    """A provider, a model of its, and what the registry says of the model."""

    provider: str
    model: str
    entry: ModelEntry

    @property
    def known_as(self) -> str:
        """What the model is called wherever it is hosted."""
        return self.entry.known_as or self.model

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


Chain = tuple[Route, ...]
"""Routes in the order in which they are tried, at least one."""


class UnknownModel(AgentWarsError):
    """The registry holds no model that a wish could mean."""

    def __init__(self, wish: RouteWish, known: list[str]) -> None:
        asked = "/".join(part for part in (wish.provider, wish.model) if part) or "any model"
        super().__init__(f"{asked} is not in the registry; known: {', '.join(known) or 'none'}")


class Router:
    """Resolves wishes. It is asked for every job: its tables are made once, and each answer is a look-up in them."""

    def __init__(self, registry: Registry) -> None:
        self._known = registry.known()
        self._by_model: dict[tuple[str | None, str], Chain] = {}
        self._by_tier: dict[tuple[str | None, Tier], Chain] = {}
        self._by_provider: dict[str | None, Chain] = {}
        self._hosts: dict[str, Chain] = {}
        self._of_tier: dict[Tier, Chain] = {}
        for provider, held in registry.providers.items():
            for model, entry in held.models.items():
                self._add(Route(provider, model, entry))

    def routes(self, wish: RouteWish) -> Chain:
        """The chain of a wish: its model, else the first one of its tier, else the first one there is.

        Of what leaves the provider open the first provider that has it is meant. Raises UnknownModel.
        """
        if wish.model is not None:
            found = self._by_model.get((wish.provider, wish.model))
        else:
            of_tier = self._by_tier.get((wish.provider, wish.tier or Tier.STANDARD))
            found = of_tier or self._by_provider.get(wish.provider)
        if found is None:
            raise UnknownModel(wish, self._known)
        return found

    def first(self, wish: RouteWish) -> Route:
        """The first route of a wish's chain: what is tried, and paid, if nothing fails. Raises UnknownModel."""
        return self.routes(wish)[0]

    def chain(self, wish: RouteWish, fallback: Fallback) -> Chain:
        """The routes of a wish in the order in which they are tried, each once. Raises UnknownModel.

        `fallback` says how far it may lead: to other hosts of the same model, and then to the models that are named in
        its place, or, where none is, to the others of its tier.
        """
        first = self.first(wish)
        if fallback is Fallback.NONE:
            return (first,)
        hosts = self._hosts[first.known_as]
        others = self._in_its_place(first) if fallback is Fallback.MODEL else ()
        return tuple(dict.fromkeys((first, *hosts, *others)))

    def _in_its_place(self, first: Route) -> Chain:
        named = [self._by_model.get((provider, model)) for provider, _, model in _parts(first.entry.fallback)]
        return tuple(chain[0] for chain in named if chain) or self._of_tier[first.entry.tier]

    def fast_beside(self, wish: RouteWish) -> Chain:
        """The chain of the fast tier of a wish's provider; where it has no fast model, the wish's own.

        Raises UnknownModel.
        """
        return self._by_tier.get((wish.provider, Tier.FAST)) or self.routes(wish)

    def has(self, provider: str, model: str) -> bool:
        """Whether a provider offers a model."""
        return (provider, model) in self._by_model

    def tiers(self) -> dict[str, str]:
        """The tier of each `provider/model`."""
        named = (chain[0] for (provider, _), chain in self._by_model.items() if provider is not None)
        return {str(route): route.entry.tier.value for route in named}

    def wish_of(self, name: str) -> RouteWish:
        """What a name alone means: a model, `provider/model`, or a tier. Any other is a model nobody has."""
        provider, slash, model = name.partition("/")
        if (None, name) not in self._by_model:
            if slash and provider in self._by_provider:
                return RouteWish(provider=provider, model=model)
            if name in set(Tier):
                return RouteWish(tier=Tier(name))
        return RouteWish(model=name)

    def _add(self, route: Route) -> None:
        self._hosts[route.known_as] = (*self._hosts.get(route.known_as, ()), route)
        self._of_tier[route.entry.tier] = (*self._of_tier.get(route.entry.tier, ()), route)
        for provider in (route.provider, None):
            self._by_model.setdefault((provider, route.model), (route,))
            self._by_tier.setdefault((provider, route.entry.tier), (route,))
            self._by_provider.setdefault(provider, (route,))


def _parts(names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Of each `provider/model`, whose model may hold slashes itself."""
    return [name.partition("/") for name in names]
