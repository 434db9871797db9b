"""What the example agent works with: pages, search, models. Nothing here knows of tracing."""
