"""Looks the versions of a lock up among known vulnerabilities, by pip-audit: `python .ci/audit.py requirements.lock`.

Fails where one is known. Where nobody answers, as on a machine without network, it says that nothing was looked up.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request

SERVICE = "https://api.osv.dev/v1/query"
PATIENCE_S = 10
# A vulnerability that cannot be avoided yet: its id, with the reason in docs/security.md.
ACCEPTED: tuple[str, ...] = ()


def is_reachable(service: str) -> bool:
    """Whether anybody answers there, with whatever status."""
    try:
        urllib.request.urlopen(service, timeout=PATIENCE_S).close()  # noqa: S310 - an address of our own
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def audit(lock: str, *, service: str = SERVICE) -> int:
    """pip-audit's exit code for a lock; 0 where the service does not answer."""
    if not is_reachable(service):
        print(f"audit of {lock}: SKIPPED, the vulnerability service does not answer; nothing was looked up")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", "osv", "--osv-url", service, "--progress-spinner", "off"]
    for known in ACCEPTED:
        command += ["--ignore-vuln", known]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(max(audit(lock) for lock in sys.argv[1:]))
