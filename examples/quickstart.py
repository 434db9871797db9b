"""Record an agent: decorate its functions, open a run, look at ./traces.jsonl.

    python examples/quickstart.py "context manager"

It looks a phrase up in the documentation that the interpreter carries, and quotes what it finds.
"""

from __future__ import annotations

import asyncio
import sys
from pydoc_data import topics

from agenttrace import Tracer
from agenttrace.exporters import JSONLExporter
from agenttrace.wrappers import trace_llm, trace_tool

tracer = Tracer()
tracer.set_exporter(JSONLExporter(path="./traces.jsonl"))
# To a server as well: tracer.add_exporter("http://127.0.0.1:8000/api")


@trace_tool(tracer, effect="read")
def search_docs(phrase: str) -> list[str]:
    """Return the titles of the pages that hold the phrase."""
    return sorted(title for title, text in topics.topics.items() if phrase in text)


@trace_tool(tracer, effect="read")
async def read_page(title: str) -> str:
    """Return a page's text."""
    return topics.topics[title]


# Your model call goes here; what it reports as `usage` is recorded. This one only quotes.
@trace_llm(tracer, model="first-mention")
async def answer(phrase: str, page: str) -> str:
    """Return the paragraph that mentions the phrase first."""
    return next(part.strip() for part in page.split("\n\n") if phrase in part)


async def main(phrase: str) -> None:
    """Look the phrase up on three pages at the same time."""
    with tracer.run("quickstart", correlation_id="workflow-123"):
        titles = search_docs(phrase)
        chosen = tracer.decision(
            "choose_pages", options=titles, chosen=titles[:3], reason="the first three will do"
        )
        pages = await asyncio.gather(*(read_page(title) for title in chosen))
        for title, page in zip(chosen, pages, strict=True):
            print(f"{title}: {await answer(phrase, page)}\n")
        if not titles:
            print(f"No page mentions {phrase!r}.")


asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "context manager"))
if tracer.flush():
    print("Recorded in ./traces.jsonl")
