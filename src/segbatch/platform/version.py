"""The version of the package, which the build reads here.

Asking `importlib.metadata` for it would load modules for e-mail and archives.
"""

__version__ = "0.1.0"
