"""The `agenttrace` command. One module a subcommand; `main` puts them together."""
