#!/usr/bin/env bash
# Compares, annotates, writes the step's summary, comments, and ends with the comparison's exit code.
set -uo pipefail

report="$(mktemp)"
errors="$(mktemp)"
trap 'rm -f "$report" "$errors"' EXIT

arguments=(--format github --max-bytes 60000) # a comment holds 65,536 characters
if [[ -n "${GATES:-}" ]]; then arguments+=(--gate "$GATES"); fi
if [[ -n "${FROM:-}" ]]; then arguments+=(--from "$FROM"); fi
case "${INCONCLUSIVE:-report}" in
  report) ;;
  *) arguments+=(--inconclusive "$INCONCLUSIVE") ;;
esac

GITHUB_STEP_SUMMARY="$report" python -m agenttrace diff "${arguments[@]}" -- "$BASE" "$HEAD" 2>"$errors"
code=$?
if [[ $code -eq 0 && ! -s "$report" ]]; then
  echo "agenttrace diff wrote no report" >>"$errors" # nothing was compared, and that is no pass
  code=2
fi
cat "$errors" >&2

if [[ -n "${GITHUB_OUTPUT:-}" ]]; then echo "exit-code=$code" >>"$GITHUB_OUTPUT"; fi
if [[ ! -s "$report" ]]; then
  # There is no comparison. An older comment would go on saying what is no more known.
  said="$(<"$errors")"
  escaped="${said//'%'/%25}"
  escaped="${escaped//$'\r'/%0D}"
  echo "::error title=agenttrace::${escaped//$'\n'/%0A}"
  { echo "## No comparison"; echo; sed 's/^/    /' "$errors"; } >"$report"
fi
if [[ -n "${GITHUB_STEP_SUMMARY:-}" ]]; then cat "$report" >>"$GITHUB_STEP_SUMMARY"; fi
if [[ "${COMMENT:-true}" == true ]]; then
  # A fork's token may not write: that is said, and is no failure of the comparison.
  python "$(dirname "${BASH_SOURCE[0]}")/comment.py" "$report"
fi
exit "$code"
