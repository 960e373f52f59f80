"""The demo model: a scripted server that plays agent, opponent, judge and writer in every dialect.

Everything it says follows from the server's seed, the request's `seed` and the prompt; no randomness, no clock. One
token is one whitespace-separated word. Run it with `python -m local_stack.demo_model --help`; it serves

- `POST /v1/chat/completions` and `GET /v1/models`, as OpenAI does, for the models of `settings.MODELS`;
- `POST /v1/messages` as Anthropic, `/api/chat` as Ollama, `/v1beta/openai/chat/completions` as Gemini in OpenAI's form;
- `GET /ledger?since=N`: every call from index N on, how it ended, and how many are running (`ledger.Call`);
- `GET` and `PUT /control`: pace and faults for the calls that begin from now on (`settings.Control`);
- `GET /healthz`.

Every agent counts when it is asked to `count to N`, calls a tool of the request that the last message names (or the
first one when told to `use the tool`), tells what tools gave, and says `what do you remember` of its summary.

A fault is chosen by header (`X-Demo-Fault: 429; retry-after=3`), by the model's name (`demo-fast+500`) or by a rate in
/control: `429`, `500`, `503`, `cut-N` and `stall-N` (after N tokens; 5 and 1 when N is left out), `malformed`, `empty`,
`refuse`; with `once-` before it, it hits only the first call with that prompt to that model. A stalled call lasts until
its client goes away; the ledger records it by its fault, not as `client_closed`.
"""

from local_stack.demo_model.app import create_app
from local_stack.demo_model.settings import Control, FaultRule, Settings

__all__ = ["Control", "FaultRule", "Settings", "create_app"]
