"""The official openai package of Python, against `/v1`."""

from openai import AsyncOpenAI

MODEL = "demo-plain"
SECONDS = 30.0


async def stream_with_openai(gateway: str) -> None:
    """Streams an answer and asks for a whole one; raises AssertionError where they are not what the model said."""
    client = AsyncOpenAI(base_url=f"{gateway}/v1", api_key="none", timeout=SECONDS, max_retries=0)
    async with client:
        assert any(model.id.endswith(MODEL) for model in (await client.models.list()).data)
        stream = await client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hello from Python"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert len(text.split()) == 40, text
        assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [40]
        whole = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello again from Python"}]
        )
        assert whole.choices[0].message.content == text
        assert whole.choices[0].finish_reason == "stop"
