#!/bin/sh
# Makes WebAssembly builds possible. Run it as often as you like: it says what it
# installs and does nothing when nothing is missing. Native builds and tests never
# need it.
#
# 1. The active Rust has wasm32-unknown-unknown and wasm32v1-none: done.
# 2. rustup adds them.
# 3. On Debian: the distribution's compiler, with the standard library built once
#    from its sources into .cache/wasm-toolchain. Use it with
#      PATH="$PWD/.cache/wasm-toolchain/bin:$PATH" cargo build --target wasm32-unknown-unknown
# 4. Otherwise it stops and names the three commands.
set -eu
cd "$(dirname "$0")/.."

TARGETS="wasm32-unknown-unknown wasm32v1-none"
PACKAGES="rustc-web cargo-web rust-web-src rust-web-llvm lld-22"
TOOLCHAIN="$PWD/.cache/wasm-toolchain"

say() { printf 'setup-wasm: %s\n' "$*"; }

# has TARGET: the active compiler has its library.
has() {
    dir=$(rustc --print target-libdir --target "$1" 2>/dev/null) || return 1
    [ -n "$(find "$dir" -name 'libcore-*.rlib' 2>/dev/null | head -n 1)" ]
}

has_all() {
    for target in $TARGETS; do
        has "$target" || return 1
    done
}

try_rustup() {
    command -v rustup >/dev/null 2>&1 || return 1
    for target in $TARGETS; do
        has "$target" && continue
        say "installing $target: rustup target add $target"
        rustup target add "$target" || return 1
    done
    has_all
}

# as_root COMMAND…: directly, or through sudo if that asks nothing.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

packages_present() {
    for package in $PACKAGES; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || return 1
    done
}

try_debian() {
    command -v apt-get >/dev/null 2>&1 || return 1
    if ! packages_present; then
        say "installing Debian packages (about 1 GB): $PACKAGES"
        as_root apt-get update -q || return 1
        # shellcheck disable=SC2086 # the list is meant to be split
        as_root apt-get install -q -y --no-install-recommends $PACKAGES || return 1
    fi
    build_std
}

# The library is built without the caller's compiler settings. Bitcode is embedded
# because a later build with link-time optimisation needs it. The compiler is called
# through a script: a link would still look for its library in /usr.
build_std() {
    host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
    rlibs="$TOOLCHAIN/lib/rustlib/wasm32-unknown-unknown/lib"
    stamp="$TOOLCHAIN/version"
    version=$(/usr/bin/rustc -V)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$version" ]; then
        say "present: $TOOLCHAIN ($version)"
        return 0
    fi
    say "building the standard library for wasm32-unknown-unknown into $TOOLCHAIN (a minute)"
    rm -rf "$TOOLCHAIN"
    mkdir -p "$TOOLCHAIN/bin" "$TOOLCHAIN/lib/rustlib/$host" "$rlibs"
    ln -sfn "/usr/lib/rustlib/$host/lib" "$TOOLCHAIN/lib/rustlib/$host/lib"
    ln -sfn "/usr/lib/rustlib/$host/bin" "$TOOLCHAIN/lib/rustlib/$host/bin"
    for tool in rustc rustdoc; do
        printf '#!/bin/sh\nexec /usr/bin/%s --sysroot "%s" "$@"\n' "$tool" "$TOOLCHAIN" \
            >"$TOOLCHAIN/bin/$tool"
        chmod +x "$TOOLCHAIN/bin/$tool"
    done
    ln -sfn /usr/bin/cargo "$TOOLCHAIN/bin/cargo"
    work=$(mktemp -d)
    mkdir "$work/src"
    : >"$work/src/lib.rs"
    printf '[package]\nname = "seed"\nversion = "0.0.0"\nedition = "2021"\n[profile.release]\nopt-level = 3\n[workspace]\n' \
        >"$work/Cargo.toml"
    built=0
    (
        cd "$work"
        unset RUSTFLAGS CARGO_TARGET_DIR CARGO_BUILD_TARGET RUSTUP_TOOLCHAIN
        CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS=-Cembed-bitcode=yes \
            RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
            /usr/bin/cargo build -q --release --target wasm32-unknown-unknown \
            -Z build-std=std,panic_abort
    ) || built=$?
    if [ "$built" = 0 ]; then
        cp "$work"/target/wasm32-unknown-unknown/release/deps/*.rlib "$rlibs/"
        rm -f "$rlibs"/libseed-*.rlib
        printf '%s\n' "$version" >"$stamp"
    fi
    rm -rf "$work"
    return "$built"
}

command -v rustc >/dev/null 2>&1 || {
    say "no Rust compiler on PATH; install one from https://rustup.rs"
    exit 1
}
if has_all; then
    say "present: $TARGETS"
elif try_rustup; then
    say "ready: $TARGETS"
elif try_debian; then
    say "ready: $TOOLCHAIN/bin/cargo builds for wasm32-unknown-unknown"
else
    say "could not make WebAssembly builds possible. Run one of these and try again:"
    say "  rustup target add $TARGETS"
    say "  apt-get install -y --no-install-recommends $PACKAGES"
    say "  CALLSHEET_SKIP_WASM=1 tests/run.sh    (leaves the WebAssembly checks out)"
    exit 1
fi
