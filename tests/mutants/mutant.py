"""What a mutant is: one fault, put into the product on purpose, that a test must notice."""

from dataclasses import dataclass
from pathlib import Path


class DoesNotApply(Exception):
    """The product's text is not what the mutant was written for: its row is to be written anew."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """Text of the product that occurs once, what takes its place, and the tests that must fail then.

    `fault` says what is wrong with the product that has it. `file` is a path from the root of the repository,
    `killed_by` are tests as pytest names them: a module, or `module::test`.
    """

    fault: str
    file: str
    old: str
    new: str
    killed_by: tuple[str, ...]

    def applied(self, root: Path) -> str:
        """The file's text with the fault in it. Raises DoesNotApply."""
        path = root / self.file
        if not path.is_file():
            raise DoesNotApply(f"{self.file} is not there")
        text = path.read_text()
        if (count := text.count(self.old)) != 1:
            raise DoesNotApply(f"{self.file} holds the text {count} times, not once: {self.old!r}")
        return text.replace(self.old, self.new)
