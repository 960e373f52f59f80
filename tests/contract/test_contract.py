"""The contract as machines read it: nothing is answered that the OpenAPI document does not say, on the whole stack."""

import os
from pathlib import Path

import pytest

from contract.running import findings
from local_stack.stack import Stack

SEED = int(os.environ.get("CONTRACT_SEED", "18"))
SECONDS = int(os.environ.get("CONTRACT_SECONDS", "40"))
READY_SECONDS = 60


@pytest.mark.integration
async def test_what_is_answered_is_what_the_document_says(data_dir: Path, tmp_path: Path) -> None:
    quick = ("--time-to-first-token", "0.001", "--tokens-per-second", "5000")
    async with Stack(data_dir, demo_arguments=quick) as stack:
        await stack.ready(READY_SECONDS)
        found = await findings(stack.gateway_urls[0], SEED, SECONDS, tmp_path)
    assert found is None, found
