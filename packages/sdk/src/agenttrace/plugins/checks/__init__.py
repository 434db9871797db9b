"""The contract test of plugins, which their authors run: `agenttrace.testing.check_plugin`."""
