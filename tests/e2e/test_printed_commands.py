"""Every command that README and docs print does what they say of it, on a stack as `make up` starts it.

Blocks of bash run whole, as they are printed: only the address, and the words RUN, AGENT and LETTER that stand for an
id, are put in. A command that stands in a sentence is run too, or named below with the reason why not.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Iterator
from pathlib import Path

import httpx
import nats
import pytest
import pytest_asyncio

from e2e.watching import new_agent, start_scale, until_ended
from installed import installed
from local_stack.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS = 150
KNOWN = r"(?:[A-Z_]+=\S+ )*(?:agentwars|curl|nats|make|python3?|npm)"
IN_A_SENTENCE = re.compile(rf"`({KNOWN} [^`\n]+)`")
STANDS_FOR = re.compile(r"(?<![$\w])(RUN|AGENT|LETTER)(?![\w=])")
EXITS = {
    "agentwars scale run --prompt-file support.txt --runs 10 --persona refund-request --min-success 0.8": {0, 1},
    "agentwars assist from-report --report-run RUN --save-agent AGENT": {2},  # it asks, and there is no terminal
    "agentwars dead-letters show LETTER": {2},  # a stack that is well has none
    "agentwars dead-letters replay LETTER": {2},
    "agentwars runs retry RUN": {2},  # nor a conversation that ended by an error
}
NOT_RUN = {
    r"make (up|demo)( .*)?": "they install; tests/integration/local_stack/test_launcher_commands.py has what they run",
    r"python -m local_stack up": "what make up runs",
    r"([A-Z_]+=\S+ )*make (test|check|lock|help).*": "they are this very run, or need a network",
    r"make (chaos|bench|clients-test|mutants).*": "they take minutes to hours; CI runs the first and the last",
    r"OPENAI_API_KEY=\.\.\. make up": "it needs a real provider's key",
    r"PYTHONPATH=tests python -m chaos\.seeded_bugs|python -m bench\.\w+": "measurements: minutes to hours",
    r"nats (stream view|consumer report) (WORK|DLQ)": "the nats CLI's own views; that the streams exist is asserted",
    r"nats sub 'ev\.(<run>\.events|>)'": "the same as README's, with a run to be filled in",
    r"curl -N \.\.\./.*": "an address to be filled in: README's are run",
    r"python docs/settings_table\.py": "it writes into the tree; `make check` holds the page against it",
    r"npm run types": "it writes into the tree; `make check` holds what it writes against the contract",
    r"PYTHONPATH=tests python -m recordings tests/recordings/COMMIT": "it records a stack of its own for a minute",
}
NATS = """\
#!{python}
import asyncio, sys, nats
async def main():
    sub, option, url, subject = sys.argv[1:]
    assert (sub, option) == ("sub", "-s"), sys.argv
    client = await nats.connect(url, allow_reconnect=False)
    await client.subscribe(subject)
    await client.flush()
    await client.close()
    print("subscribed to", subject)
asyncio.run(main())
"""


def parts(page: Path) -> Iterator[tuple[str | None, str]]:
    """A page in turn: what stands outside of blocks (no language), and each block with its language."""
    language, held = None, ""
    for line in page.read_text().splitlines(keepends=True):
        if line.startswith("```"):
            yield language, held
            language, held = line.strip("`\n ") if language is None else None, ""
        else:
            held += line
    yield language, held


def blocks() -> Iterator[tuple[str, str]]:
    """The blocks of bash: where they stand, and what they hold."""
    for page in PAGES:
        held = [text for language, text in parts(page) if language == "bash"]
        yield from ((f"{page.relative_to(ROOT)}:{number}", text) for number, text in enumerate(held, 1))


def in_sentences() -> Iterator[str]:
    """Commands that stand in sentences, and those that begin a line of a block without a language."""
    for page in PAGES:
        for language, text in parts(page):
            if language is None:
                yield from IN_A_SENTENCE.findall(text)
            if language == "":
                begun = [line for line in text.splitlines() if re.match(f"{KNOWN} ", line)]
                yield from (line.partition("  #")[0].strip() for line in begun)


def commands(block: str) -> list[str]:
    """Its commands, each whole: a line that ends with a backslash goes on."""
    whole = re.sub(r" *\\\n *", " ", block)
    return [line for line in whole.splitlines() if line.strip()]


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> dict[str, str]:
    """Where commands run: a folder like the repository's, this installation's programs, and ours for curl and nats."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "curl").write_text(f'#!/bin/sh\nexec {installed("curl", "curl")} --fail-with-body "$@"\n')
    (programs / "nats").write_text(NATS.format(python=sys.executable))
    for program in programs.iterdir():
        program.chmod(0o755)
    (tmp_path / ".agentwars").symlink_to(stack.data_dir)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    named = {"AGENTWARS_NATS_URL": stack.nats_url, "AGENTWARS_MONGO_URL": stack.mongo_url, "HOME": str(tmp_path)}
    return {"PATH": path, "PWD": str(tmp_path), "AGENTWARS_URL": stack.gateway_urls[0], **named}


async def run(block: list[str], shell: dict[str, str]) -> list[tuple[str, int, str]]:
    """Each command with its exit status, and what all of them printed up to it."""
    script = "\n".join(f'{command}\necho "== exit $? =="' for command in block)
    process = await asyncio.create_subprocess_shell(
        script, executable="/bin/bash", env=shell, cwd=shell["PWD"], stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    told = re.split(r"== exit (\d+) ==\n", output.decode())
    assert len(told) == 2 * len(block) + 1, output.decode()
    return [(command, int(told[2 * n + 1]), told[2 * n]) for n, command in enumerate(block)]


def wrong(results: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    return [one for one in results if one[1] not in EXITS.get(one[0].partition(" #")[0].strip(), {0})]


@pytest_asyncio.fixture(loop_scope="session")
async def ids(gateways: list[httpx.AsyncClient]) -> dict[str, str]:
    agent = await new_agent(gateways[0], "You are a helpful assistant.")
    run_id = await start_scale(gateways[0], agentId=agent, runs=2, personas=["refund-request"], seed=7)
    await until_ended(gateways[0], run_id)
    return {"RUN": run_id, "AGENT": agent, "LETTER": "999999999"}


def put_in(command: str, ids: dict[str, str], stack: Stack) -> str:
    address = stack.gateway_urls[0].removeprefix("http://")
    return STANDS_FOR.sub(lambda found: ids[found[1]], command).replace("localhost:8080", address)


@pytest.mark.parametrize(("where", "block"), list(blocks()), ids=[where for where, _ in blocks()])
async def test_a_block_runs_as_it_is_printed(
    where: str, block: str, stack: Stack, ids: dict[str, str], shell: dict[str, str]
) -> None:
    printed = commands(block)
    results = await run([put_in(command, ids, stack) for command in printed], shell)
    told = [(command, status, text) for command, (_, status, text) in zip(printed, results, strict=True)]
    assert wrong(told) == []


async def test_a_command_in_a_sentence_runs_or_says_why_not(
    stack: Stack, ids: dict[str, str], shell: dict[str, str]
) -> None:
    named = [re.compile(pattern) for pattern in NOT_RUN]
    printed = dict.fromkeys(in_sentences())
    to_run = [command for command in printed if not any(one.fullmatch(command) for one in named)]
    assert to_run == [*filter(re.compile(r"agentwars |python -m shared\.topology").match, to_run)]
    results = await run([put_in(command, ids, stack) for command in to_run], shell)
    assert wrong([(command, status, text) for command, (_, status, text) in zip(to_run, results, strict=True)]) == []
    assert all(any(one.fullmatch(command) for command in printed) for one in named)


async def test_the_streams_that_docs_name_exist(stack: Stack) -> None:
    client = await nats.connect(stack.nats_url)
    try:
        for stream in ("WORK", "DLQ"):
            assert (await client.jetstream().stream_info(stream)).config.name == stream
    finally:
        await client.close()
