"""What a tracer can be attached to: each has `instrument(tracer)` and `uninstrument(tracer)`."""
