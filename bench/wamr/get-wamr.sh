#!/bin/sh
# Prints the folder of WAMR's sources: WAMR_ROOT if it is set, or else FOLDER/wasm-micro-runtime, where they are put out
# of the published crate wamrx-sys if they are not there yet.
#
#   bench/wamr/get-wamr.sh FOLDER
set -eu

CRATE=wamrx-sys
VERSION=0.3.0

die() {
  echo "wamr: $1" >&2
  exit 1
}

if [ -n "${WAMR_ROOT:-}" ]; then
  [ -f "$WAMR_ROOT/build-scripts/runtime_lib.cmake" ] || die "WAMR_ROOT ($WAMR_ROOT) is no checkout of WAMR"
  cd "$WAMR_ROOT" && pwd
  exit 0
fi

[ $# -eq 1 ] || die "usage: get-wamr.sh FOLDER"
mkdir -p "$1"
cd "$1"
out=$PWD/wasm-micro-runtime
if [ ! -f "$out/build-scripts/runtime_lib.cmake" ]; then
  command -v cargo >/dev/null || die "cargo is missing: install it (rustup.rs), or set WAMR_ROOT to a checkout of WAMR 2.4"
  # Cargo downloads the crates that a package needs, and checks them; only one folder of one of them is kept.
  work=$(mktemp -d "$PWD/fetch.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cat >"$work/Cargo.toml" <<END
[package]
name = "fetch"
version = "0.0.0"
[lib]
path = "lib.rs"
[dependencies]
$CRATE = "=$VERSION"
[workspace]
END
  : >"$work/lib.rs"
  (cd "$work" && cargo vendor --versioned-dirs vendor >log 2>&1) ||
    die "cargo cannot get $CRATE $VERSION: $(grep -m1 -i error "$work/log" || tail -n1 "$work/log")"
  rm -rf "$out"
  mv "$work/vendor/$CRATE-$VERSION/wasm-micro-runtime" "$out"
fi
echo "$out"
