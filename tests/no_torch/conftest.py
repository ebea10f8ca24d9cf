"""These tests are for an environment without torch: tox's no-torch."""

import os
from importlib.util import find_spec

if find_spec("torch") is not None and os.environ.get("TOX_ENV_NAME") != "no-torch":
    collect_ignore_glob = ["test_*.py"]
