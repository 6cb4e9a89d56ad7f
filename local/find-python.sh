#!/bin/sh
# Prints the path of a CPython that can run this project: the newest of 3.11 to 3.14, or the one of the minor given.
#
#   local/find-python.sh          -> /home/ann/.pyenv/versions/3.13.0/bin/python3.13
#   local/find-python.sh 3.12     -> only a 3.12 will do
#   PYTHON=/opt/python3.13/bin/python3.13 local/find-python.sh     -> that one, if it is fit
#
# Looked at: $PYTHON, the command search path, pyenv's versions. A pyenv shim is followed to the interpreter behind it:
# `sam build` refuses shims, and an environment made from one breaks when pyenv's global version changes.
set -eu

minors=${1:-"3.14 3.13 3.12 3.11"}
pyenv_versions="${PYENV_ROOT:-$HOME/.pyenv}/versions"

# Prints the real executable if $1 is a released CPython of minor $2 that can make virtual environments.
fit() {
    "$1" -I -c '
import os, sys, sysconfig
wanted = sys.argv[1]
minor = "%d.%d" % sys.version_info[:2]
if sys.implementation.name != "cpython" or sys.version_info.releaselevel != "final" or minor != wanted:
    sys.exit(1)
if sysconfig.get_config_var("Py_GIL_DISABLED"):  # several wheels do not exist for the free-threaded build
    sys.exit(1)
import ctypes, ensurepip, sqlite3, ssl, venv  # distributions and hand-made builds may lack any of these
base = os.path.join(sys.base_prefix, "bin", "python" + minor)
print(base if os.access(base, os.X_OK) else sys.executable)
' "$2" 2>/dev/null
}

for minor in $minors; do
    if [ -n "${PYTHON:-}" ]; then
        fit "$PYTHON" "$minor" && exit 0
        continue
    fi
    for candidate in "$pyenv_versions/$minor".*/bin/"python$minor"; do
        # the newest patch release wins: version sort, since 3.13.10 comes after 3.13.9
        [ -x "$candidate" ] && printf '%s\n' "$candidate"
    done | sort -rV | {
        while read -r candidate; do fit "$candidate" "$minor" && exit 0; done
        exit 1
    } && exit 0
    for name in "python$minor" python3 python; do
        candidate=$(command -v "$name") || continue
        fit "$candidate" "$minor" && exit 0
    done
done

if [ -n "${PYTHON:-}" ]; then looked_at="PYTHON=$PYTHON"; else looked_at="the command search path and $pyenv_versions"; fi
cat >&2 <<EOF
No fit CPython found. Needed: a released CPython, minor version one of: $minors,
with the modules venv, ensurepip, ssl, sqlite3 and ctypes (Debian and Ubuntu: apt-get install python3 python3-venv).
Looked at: $looked_at. To name one: make PYTHON=/path/to/python3.13 ...
EOF
exit 1
