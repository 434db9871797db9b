"""Put a report on the pull request of this workflow: one comment, updated in place.

Reads what GitHub gives a step: GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_EVENT_PATH, GITHUB_TOKEN.
Needs Python's own library alone. Says on one line what went wrong, and ends with 0: a comparison
does not fail because nobody may comment on it.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path
from typing import Any

TIMEOUT_S = 20.0
MAX_PAGES = 20
PAGE = 100


def main() -> None:
    """Comment, or say why not."""
    number = find_pull_request()
    if number is None:
        print("no pull request: no comment")
        return
    title = os.environ.get("TITLE", "agenttrace diff")
    # A hash: a title cannot end the HTML comment that holds it.
    mark = f"<!-- agenttrace-diff:{sha256(title.encode()).hexdigest()[:16]} -->"
    body = f"{mark}\n{Path(sys.argv[1]).read_text(encoding='utf-8')}"
    known = None
    try:
        known = find_comment(number, mark, find_login())
        if known is None:
            send("POST", f"issues/{number}/comments", {"body": body})
        else:
            send("PATCH", f"issues/comments/{known}", {"body": body})
    except urllib.error.HTTPError as error:
        why = "the token may not write" if error.code in {401, 403} else error.reason
        old = "" if known is None else f"; comment {known} still shows an earlier comparison"
        print(f"::warning title=agenttrace::no comment: GitHub answers {error.code}, {why}{old}")
    except (OSError, ValueError) as error:
        text = str(error).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::warning title=agenttrace::no comment: {text}")
    else:
        print(f"commented on pull request {number}")


def find_pull_request() -> int | None:
    """Return the number of the pull request that the workflow runs for."""
    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        return None
    event = json.loads(Path(path).read_text(encoding="utf-8"))
    number = event.get("pull_request", {}).get("number")
    return number if isinstance(number, int) else None


def find_login() -> str | None:
    """Return whose token it is; None of an app's, as that of a workflow, which may not ask."""
    try:
        return str(send("GET", "/user", None)["login"])
    except urllib.error.HTTPError as error:
        if error.code in {401, 403, 404}:
            return None
        raise


def find_comment(number: int, mark: str, login: str | None) -> int | None:
    """Return the id of the own comment that begins with the mark, among the first 2,000.

    The mark is public, and a comment of someone else is not to be written over. Without a login
    those of apps are own ones: a person cannot write as one.
    """
    for page in range(1, MAX_PAGES + 1):
        found = send("GET", f"issues/{number}/comments?per_page={PAGE}&page={page}", None)
        for comment in found:
            user = comment.get("user") or {}
            is_own = user.get("type") == "Bot" if login is None else user.get("login") == login
            if is_own and str(comment.get("body", "")).startswith(mark):
                return int(comment["id"])
        if len(found) < PAGE:
            return None
    return None


def send(method: str, path: str, body: dict[str, str] | None) -> Any:
    """Send a request and return what it answers; a path without / is within the repository."""
    if not path.startswith("/"):
        path = f"/repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    base = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    request = urllib.request.Request(  # noqa: S310 -- the address is GitHub's own
        f"{base}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 -- as above
        return json.loads(answer.read())


if __name__ == "__main__":
    main()
