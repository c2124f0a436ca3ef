"""HTTP sessions to servers on this machine or in this network."""

from __future__ import annotations

import requests


def direct_session() -> requests.Session:
    """Open a session that ignores the environment's proxies, which must not stand before a local server."""
    session = requests.Session()
    session.trust_env = False
    return session
