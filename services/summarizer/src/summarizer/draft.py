"""Reading what the report's generation answered. Pure."""

from pydantic import ValidationError

from shared.contracts.reports import ReportDraft
from summarizer.errors import UnusableAnswer

PROMPT_CHARACTERS_AT_MOST = 32_000
PROBLEMS_SHOWN = 5


def read_draft(answer: str) -> ReportDraft:
    """The draft in an answer, code fences and words around its JSON forgiven. Raises UnusableAnswer."""
    begin, end = answer.find("{"), answer.rfind("}")
    if begin < 0 or end < begin:
        raise UnusableAnswer("it holds no JSON object")
    try:
        draft = ReportDraft.model_validate_json(answer[begin : end + 1])
    except ValidationError as error:
        raise UnusableAnswer(_in_words(error)) from error
    if not draft.summary.strip() or not draft.revised_prompt.strip():
        raise UnusableAnswer("summary and revisedPrompt may not be empty")
    if len(draft.revised_prompt) > PROMPT_CHARACTERS_AT_MOST:
        raise UnusableAnswer(f"revisedPrompt has more than {PROMPT_CHARACTERS_AT_MOST} characters")
    return draft


def _in_words(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)[:PROBLEMS_SHOWN]
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in problems)
