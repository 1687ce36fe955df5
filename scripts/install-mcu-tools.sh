#!/bin/sh
# Installs what bench/mcu and test/mcu need, where it is missing: a cross compiler for Cortex-M, an emulator, wasm2c, cmake,
# a C compiler and cargo. Debian packages, so it runs as root on Debian or one of its kin; elsewhere it says what to install.
set -eu

missing=
for tool in arm-none-eabi-gcc qemu-system-arm wasm2c cmake make cc; do
  command -v $tool >/dev/null || missing="$missing $tool"
done
# The C library of the cross compiler is a package of its own.
if command -v arm-none-eabi-gcc >/dev/null && [ "$(arm-none-eabi-gcc -print-file-name=nano.specs)" = nano.specs ]; then
  missing="$missing newlib"
fi
packages="gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm wabt cmake make gcc libc6-dev"
# WAMR's sources come out of a published crate, unless WAMR_ROOT names a checkout.
if [ -z "${WAMR_ROOT:-}" ] && ! command -v cargo >/dev/null; then
  missing="$missing cargo"
  packages="$packages cargo"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "install-mcu-tools: missing:$missing; install them, on Debian as root: apt-get install $packages" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $packages >/dev/null
