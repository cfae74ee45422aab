#!/bin/sh
# Install the host compiler, the Arm cross compiler and the emulator from Debian's packages, where they are missing.
# Without them everything but the device side works, so a failure here is reported and not fatal.
set -u

missing=""
command -v cc >/dev/null 2>&1 || missing="$missing gcc libc6-dev"
command -v arm-none-eabi-gcc >/dev/null 2>&1 || missing="$missing gcc-arm-none-eabi libnewlib-arm-none-eabi"
command -v qemu-system-arm >/dev/null 2>&1 || missing="$missing qemu-system-arm"
command -v cmake >/dev/null 2>&1 || missing="$missing cmake"
# The page of `kws demo` is tested in a browser where tests run unattended; nobody else needs one installed.
[ -z "${CI:-}" ] || command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -n "$missing" ] || exit 0

as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then as_root="sudo"; else as_root="none"; fi
fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "note: missing$missing. Tests and commands that need the device are skipped." >&2
    echo "      Install them as root: apt-get install --no-install-recommends$missing" >&2
    exit 0
fi
$as_root apt-get update -qq >/dev/null 2>&1
# One after the other: what cannot be had must not keep the rest away.
for package in $missing; do
    echo "installing $package"
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 || {
        echo "note: could not install $package. Tests and commands that need it are skipped." >&2
        echo "      Install it by hand: apt-get install --no-install-recommends $package" >&2
    }
done
exit 0
