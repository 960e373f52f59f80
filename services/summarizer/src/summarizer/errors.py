"""What can go wrong here and nowhere else."""

from shared.errors import AgentWarsError


class UnusableAnswer(AgentWarsError):
    """The report's generation did not answer what was asked for; `problem` is told to it once."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the report's answer cannot be used: {problem}")
        self.problem = problem
