#!/bin/sh
# Makes the environments that the project runs in, from uv.lock, with nothing but a CPython. Does nothing, fast, when they fit.
#
#   local/setup.sh [dev] [ministack] [sam] [audit]        (the first three without an argument)
#
#   dev        .venv                  the project itself, its tests and linters
#   ministack  .local/env/ministack   the local AWS; functions run in its interpreter, so it must hold nothing of ours
#   sam        .local/env/sam         SAM pins boto3 and pydantic
#   audit      .local/env/audit       pip-audit, for make audit
#
# An environment fits when its stamp names the interpreter and the lock it was made from.
set -eu
cd "$(dirname "$0")/.."

python=$(local/find-python.sh)
environments=${*:-dev ministack sam}
lock=$("$python" -I -c '
import hashlib, platform, sys
digest = hashlib.sha256((sys.argv[1] + platform.python_version()).encode())
for name in sys.argv[2:]:
    digest.update(open(name, "rb").read())
print(digest.hexdigest())
' "$python" uv.lock pyproject.toml local/bootstrap-requirements.txt)

location() { if [ "$1" = dev ]; then echo .venv; else echo ".local/env/$1"; fi; }
fits() { [ "$(cat "$(location "$1")/.made-from" 2>/dev/null)" = "$lock" ]; }

missing=
for environment in $environments; do fits "$environment" || missing="$missing $environment"; done
[ -n "$missing" ] || exit 0

mkdir -p .local/env
# One set-up at a time: two runs of make must not write into the same environment.
exec 9>.local/env/lock
if command -v flock >/dev/null; then flock 9; fi

uv=.local/env/uv/bin/uv
if [ "$(cat .local/env/uv/.made-from 2>/dev/null)" != "$lock" ]; then
    echo "Setting up with $python ..." >&2
    rm -rf .local/env/uv
    "$python" -m venv .local/env/uv
    .local/env/uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r local/bootstrap-requirements.txt
    printf '%s' "$lock" >.local/env/uv/.made-from
fi

export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1
# The machine's own list of certificate authorities, as pip uses it: behind a company's proxy uv's built-in one is not enough.
export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"
for environment in $missing; do
    fits "$environment" && continue
    place=$(location "$environment")
    rm -f "$place/.made-from"
    case $environment in
    dev) set -- ;;
    ministack) set -- --only-group local --no-install-project --compile-bytecode ;;
    audit) set -- --only-group audit --no-install-project ;;
    sam) set -- --only-group sam --no-install-project --compile-bytecode ;;
    *)
        echo "local/setup.sh: no environment is called '$environment'; there are: dev, ministack, sam, audit" >&2
        exit 2
        ;;
    esac
    echo "Installing into $place ..." >&2
    UV_PROJECT_ENVIRONMENT="$place" "$uv" sync --quiet --frozen --python "$python" "$@"
    printf '%s' "$lock" >"$place/.made-from"
done
