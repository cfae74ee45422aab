#!/bin/sh
# Make the virtual environment. Usage: environment.sh PYTHON VENV
set -eu
python=$1
venv=$2

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 2
}

[ -n "$python" ] || fail "no python3 was found." "Install CPython 3.10, 3.11 or 3.12 (Debian: apt-get install python3 python3-venv)."
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' ||
    fail "expected CPython 3.10 to 3.12, received $("$python" --version 2>&1)." "Give another one: make PYTHON=python3.11 ..."

if [ ! -x "$venv/bin/python" ]; then
    "$python" -m venv "$venv" ||
        fail "the virtual environment could not be made." "Debian: apt-get install python3-venv; then run make again."
fi
echo "installing Python packages into $venv (about 3 GB, one or two minutes)"
# The pip that CPython 3.10 brings (23.0) searches these pins without end.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check pip==26.3 ||
    echo "note: pip could not be brought up to date; an old one may search for a long time" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade-strategy only-if-needed \
    -e '.[tts,sweep,tfds,tflite-runtime,browser,dev]' 2>&1 |
    grep -v '^WARNING: Location' >&2 || true
"$venv/bin/python" -m pip check >/dev/null || fail "the installed packages do not fit together:" "$("$venv/bin/python" -m pip check)"
"$venv/bin/python" -c 'import kws_tfmot, tensorflow, espeakng_loader' 2>/dev/null ||
    fail "the packages were not installed; pip's messages are above." "Run: $venv/bin/python -m pip install -e '.[tts,sweep,tfds,tflite-runtime,browser,dev]'"
"$venv/bin/python" -c 'from kws_tfmot.frontend.native import build_library; build_library()' 2>/dev/null ||
    echo "note: the audio front end could not be compiled; it will run in NumPy, slower (Debian: apt-get install gcc libc6-dev)" >&2
