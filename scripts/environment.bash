# SPDX-License-Identifier: MIT
# Sourced by scripts/demo and scripts/test: makes one Python environment with everything in it, or finds it made.
# The caller has set `top` (the repository); `say` prints one line with the time since its start.

unset PYTHONPATH PYTHONHOME # another Python's packages must not leak in
export OMP_NUM_THREADS=1    # two threads on a busy core are slower than one

say() { printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
stop() { say "$*" >&2; exit 1; }

# Debian packages may be installed by root, or by sudo where it asks no password.
apt_install() {
    local -a as_root=()
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        as_root=(sudo -n)
    fi
    say "installing Debian packages: $*"
    ${as_root[@]+"${as_root[@]}"} dpkg --configure -a >>"$log" 2>&1 # an installation that was interrupted
    [ -n "${apt_is_fresh:-}" ] || ${as_root[@]+"${as_root[@]}"} apt-get update -qq >>"$log" 2>&1 && apt_is_fresh=1
    run_with_progress "apt-get" ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# Run a command with its output in $log; a line now and then says how far it is. Ctrl-C ends it.
run_with_progress() {
    local name=$1 every=60 next last
    shift
    [ -t 1 ] && every=15
    "$@" >>"$log" 2>&1 8>&- 9>&- & # no child keeps the caller's locks
    child=$!
    next=$((SECONDS + every))
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.5
        if [ "$SECONDS" -ge "$next" ]; then
            last=$(tail -n 1 "$log" | tr -d '\r' | cut -c1-90)
            say "$name is at work: $last"
            next=$((SECONDS + every))
        fi
    done
    wait "$child"
}

is_fit() { "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; }
has_headers() { "$1" -c 'import os, sysconfig; raise SystemExit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' 2>/dev/null; }

find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 /usr/bin/python3.11 python3.12 /usr/bin/python3.12 python3 /usr/bin/python3; do
        if [ -n "$candidate" ] && is_fit "$candidate"; then
            python=$(command -v "$candidate")
            return 0
        fi
    done
    return 1
}

make_environment() { # FOLDER EXTRAS
    local env=$1 extras=$2 stamp wanted
    stamp=$env/.aiida-zif
    wanted=$(cd "$top" && { cat pyproject.toml constraints.txt setup.json hatch_build.py; echo "$extras $top"; } | sha256sum | cut -c1-64)
    if [ -x "$env/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        say "the environment $env is there"
        return 0
    fi
    if ! "$env/bin/python" -c 'import pip' 2>/dev/null; then
        find_python || { apt_install python3 python3-venv python3-dev && find_python; } ||
            stop "Python 3.11 or 3.12 with venv was not found: install it (Debian: apt-get install python3 python3-venv python3-dev) or name it, PYTHON=/path/to/python3.11, and call again."
        # Debian ships the headers apart; one dependency (regex, of cp2k-output-tools) is compiled while installing.
        if ! command -v g++ >/dev/null || ! has_headers "$python"; then
            apt_install g++ python3-dev || true
            { command -v g++ >/dev/null || command -v gcc >/dev/null; } && has_headers "$python" ||
                stop "A C compiler and Python's headers are needed: apt-get install g++ python3-dev (or their like for $python), then call again."
        fi
        say "making the environment $env with $("$python" --version)"
        "$python" -m venv --clear "$env" >>"$log" 2>&1 || stop "The environment $env could not be made; the reason stands at the end of $log."
    fi
    rm -f "$stamp"
    say "installing (2 GB, minutes; what was downloaded once is kept): see $log"
    pip_install "$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$top/constraints.txt")" $(cpu_index "$env")
    pip_install -e "$top[$extras]"
    echo "$wanted" >"$stamp"
    say "installed"
}

pip_install() {
    local from
    from=$(wc -l <"$log")
    run_with_progress pip "$env/bin/python" -m pip install --no-input --disable-pip-version-check --progress-bar off --retries 2 \
        -c "$top/constraints.txt" "$@" && return 0
    if tail -n "+$((from + 1))" "$log" | grep -qiE 'NewConnectionError|ConnectTimeout|name resolution|Network is unreachable|ProxyError|Max retries'; then
        stop "The package index cannot be reached: connect this machine to the network (or set PIP_INDEX_URL) and call again; what is there is kept."
    fi
    stop "The installation failed; the reason stands at the end of $log. Call again to continue."
}

# Without an NVIDIA card the CPU build of torch is enough; PyPI's own brings gigabytes of CUDA.
cpu_index() {
    local url=https://download.pytorch.org/whl/cpu
    command -v nvidia-smi >/dev/null && return 0
    "$1/bin/python" -c "import urllib.request as u; u.urlopen('$url/torch/', timeout=10)" 2>/dev/null && echo "--extra-index-url $url"
    return 0
}
