"""The gateway's process: uvicorn, with the bounds it lacks."""
