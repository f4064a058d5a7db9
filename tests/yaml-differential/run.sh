#!/usr/bin/env bash
# Compares our YAML with npm's `yaml`. The last line is "yaml: N passed, M failed". The package
# comes from package-lock.json by `npm ci`, once. SEED and ROUNDS change what is tried, and
# YAML_ANSWERS names the program that answers for us instead of building it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ../../npm/testing.sh

if [ -z "${YAML_ANSWERS:-}" ]; then
    cargo build --quiet -p tests --bin yaml_answers
    YAML_ANSWERS=$(realpath "${CARGO_TARGET_DIR:-../../target}/debug/yaml_answers")
fi
install_tools .
node differential.js "$YAML_ANSWERS"
