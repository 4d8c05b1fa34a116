"""All knowledge of uvicorn: how the process runs and ends, and how bytes become messages."""
