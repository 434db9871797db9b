"""Recorded runs compared: pure functions on data, for command line, server and tests alike."""
