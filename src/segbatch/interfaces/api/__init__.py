"""The REST API over saved segments. FastAPI and uvicorn are optional; `serving` is the way in."""
