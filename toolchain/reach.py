"""Whether a server answers at all, found out in seconds rather than in the minutes of a TCP timeout."""

import os
import urllib.error
import urllib.request

SECONDS = 3.0


def answers(url: str) -> bool:
    """Whether an HTTPS request is answered in time, through the proxy that a download would use."""
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return True
    except urllib.error.HTTPError as error:
        # Something answered. A refusal (403, 407) or a server fault is as useless as silence; 404 or 405 is
        # not.
        return error.code not in (401, 403, 407) and error.code < 500
    except (urllib.error.URLError, OSError, ValueError):
        return False


def offline() -> bool:
    """Whether the user asked for no download attempts from vendors (`HEARTH_OFFLINE=1`)."""
    return os.environ.get("HEARTH_OFFLINE", "") not in ("", "0")
