"""What a value becomes: a snapshot on the caller's thread, a payload and a hash on the worker's."""
