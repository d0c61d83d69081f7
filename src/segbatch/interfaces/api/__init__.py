"""The REST API for saved segments. FastAPI and uvicorn are optional. The entry point is `server.serve`."""
