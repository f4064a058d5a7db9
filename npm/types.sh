#!/usr/bin/env bash
# Makes the sources that come from Rust: the types of records, persona-kit's constants, and
# which members of documents its parsers read.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
make() {
    cargo run --quiet -p bindgen -- "$1" >"$2.new"
    mv "$2.new" "$2"
}
make types src/wire.cts
make constants src/persona-kit/constants.cts
make forms src/persona-kit/forms.cts
