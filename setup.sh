# Source this file, from bash or zsh and from any directory:   source setup.sh
#
# Makes the environment the first time (about a minute), then sets PATH, the law configuration and
# shell completion. Every later call takes a fraction of a second; after an interruption or a
# change of requirements.txt the environment is completed or renewed.
#
# Variables: VHBB_VENV (where the environment lies, default .venv), VHBB_RESULTS (where outputs of
# the local store lie, default results), VHBB_PYTHON (the interpreter to build from).

_vhbb_fail() {
    printf 'setup: %s\n' "$*" >&2
    return 1
}

_vhbb_find_python() {
    local candidate
    for candidate in ${VHBB_PYTHON:+"$VHBB_PYTHON"} python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
            >/dev/null 2>&1; then
            if ! "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
                _vhbb_fail "$candidate has no venv module: install it (Debian: apt install" \
                    "python3-venv) or name another interpreter in VHBB_PYTHON"
                return 1
            fi
            command -v "$candidate"
            return 0
        fi
    done
    _vhbb_fail "no Python 3.11, 3.12 or 3.13 found: install one or name it in VHBB_PYTHON"
}

# Name the cause of a failed installation from pip's output.
_vhbb_explain() {
    if grep -qi 'no space left\|disk quota exceeded' "$1"; then
        _vhbb_fail "no disk space left for the environment in $VHBB_VENV (it takes 1 GB): free" \
            "some or set VHBB_VENV to another place"
    elif grep -qi 'connection\|name resolution\|timed out\|network is unreachable\|proxy\|from versions: none' "$1"; then
        _vhbb_fail "no network: the Python package index could not be reached (details: $1)"
    else
        _vhbb_fail "installing requirements.txt failed, see $1"
    fi
}

# Whether a folder may be made anew: it is empty, or an environment that was made here.
_vhbb_ours() {
    [ -z "$(ls -A "$VHBB_VENV" 2>/dev/null)" ] || [ -e "$VHBB_VENV/.vhbb" ] ||
        [ -e "$VHBB_VENV/complete" ]
}

_vhbb_build() {
    local python free log="$VHBB_HOME/.law/setup.log"
    python="$(_vhbb_find_python)" || return 1
    if ! _vhbb_ours; then
        _vhbb_fail "$VHBB_VENV holds other files, which a new environment would replace: set" \
            "VHBB_VENV to a folder of its own"
        return 1
    fi
    if ! mkdir -p "$VHBB_VENV" 2>/dev/null || [ ! -w "$VHBB_VENV" ]; then
        _vhbb_fail "cannot write to $VHBB_VENV: set VHBB_VENV to a place of yours"
        return 1
    fi
    free="$(df -Pk "$VHBB_VENV" | awk 'NR == 2 { print $4 }')"
    if [ "${free:-0}" -lt 1500000 ]; then
        _vhbb_fail "no disk space: the environment in $VHBB_VENV needs 1.5 GB, $((free / 1024)) MB" \
            "are free; free some or set VHBB_VENV to another place"
        return 1
    fi
    printf 'setup: making the environment in %s, once, about a minute ...\n' "$VHBB_VENV" >&2
    : >"$VHBB_VENV/.vhbb"
    if ! { find "$VHBB_VENV" -mindepth 1 -maxdepth 1 ! -name .vhbb -exec rm -rf {} + &&
        "$python" -m venv --prompt vhbb "$VHBB_VENV" &&
        "$VHBB_VENV/bin/python" -m pip install --disable-pip-version-check --no-input --no-deps \
            --require-hashes -r "$VHBB_HOME/requirements.txt"; } >"$log" 2>&1; then
        _vhbb_explain "$log"
        return 1
    fi
    printf '%s\n' "$1" >"$VHBB_VENV/complete"
}

_vhbb_build_once() {
    local wanted
    wanted="$VHBB_VENV $(cksum <"$VHBB_HOME/requirements.txt")"
    [ "$(cat "$VHBB_VENV/complete" 2>/dev/null)" = "$wanted" ] && return 0
    if command -v flock >/dev/null 2>&1 && mkdir -p "$(dirname "$VHBB_VENV")" 2>/dev/null &&
        touch "$VHBB_VENV.lock" 2>/dev/null; then
        (
            flock 9
            [ "$(cat "$VHBB_VENV/complete" 2>/dev/null)" = "$wanted" ] || _vhbb_build "$wanted"
        ) 9>"$VHBB_VENV.lock"  # beside the environment: checkouts may share one
    else
        _vhbb_build "$wanted"
    fi
}

# Compiled code reads and selects events faster; without it all works, so this is tried once and
# never fails.
_vhbb_compile() {
    local code="$VHBB_HOME/analysis" log="$LAW_HOME/compilation.log" tried
    tried="$VHBB_VENV/compiled-$(cat "$code/compiled.c" "$code/compilation.py" | cksum | tr ' ' -)"
    if [ -e "$tried" ] || [ ! -w "$VHBB_VENV" ]; then
        return 0
    fi
    "$VHBB_VENV/bin/python" -I "$code/compilation.py" >|"$log" 2>&1 ||
        printf 'setup: no working C compiler, so numpy alone reads and selects events, in some %s\n' \
            "20 to 45 % more time (details: $log)" >&2
    touch "$tried" 2>/dev/null || true
}

_vhbb_index() {
    local index="$LAW_HOME/index"
    if [ ! -s "$index" ] ||
        [ -n "$(find "$VHBB_HOME/tasks" "$VHBB_HOME/law.cfg" -newer "$index" \
            \( -name '*.py' -o -name law.cfg \) -print 2>/dev/null | head -n 1)" ]; then
        law index --quiet >"$LAW_HOME/index.log" 2>&1 ||
            _vhbb_fail "indexing the tasks failed, see $LAW_HOME/index.log" || return 1
        law completion >"$LAW_HOME/completion" 2>/dev/null
        touch "$index"
    fi
}

# A path as it is, whatever folder later commands run in.
_vhbb_absolute() {
    case "$1" in
        /*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$PWD/$1" ;;
    esac
}

_vhbb_setup() {
    export VHBB_HOME="$1"
    export VHBB_VENV="$(_vhbb_absolute "${VHBB_VENV:-$VHBB_HOME/.venv}")"
    export VHBB_RESULTS="$(_vhbb_absolute "${VHBB_RESULTS:-$VHBB_HOME/results}")"
    export LAW_HOME="$VHBB_HOME/.law"
    export LAW_CONFIG_FILE="$VHBB_HOME/law.cfg"
    if ! mkdir -p "$LAW_HOME" 2>/dev/null; then
        _vhbb_fail "cannot write to $VHBB_HOME: clone the repository to a place of yours"
        return 1
    fi
    _vhbb_build_once || return 1
    _vhbb_compile
    export VIRTUAL_ENV="$VHBB_VENV"
    case ":$PATH:" in
        ":$VHBB_VENV/bin:"*) ;;
        *) export PATH="$VHBB_VENV/bin:$PATH" ;;
    esac
    case ":${PYTHONPATH:-}:" in
        *":$VHBB_HOME:"*) ;;
        *) export PYTHONPATH="$VHBB_HOME${PYTHONPATH:+:$PYTHONPATH}" ;;
    esac
    hash -r 2>/dev/null
    _vhbb_index
}

# Completion is for people: bash's own, and zsh's emulation of it.
_vhbb_completion() {
    case "$-" in *i*) ;; *) return 0 ;; esac
    [ -r "$LAW_HOME/completion" ] || return 0
    if [ -n "${ZSH_VERSION:-}" ]; then
        autoload -Uz +X compinit bashcompinit && compinit -u && bashcompinit
    fi
    . "$(cat "$LAW_HOME/completion")"
}

if [ -n "${ZSH_VERSION:-}" ]; then
    _vhbb_setup "$(CDPATH= cd "$(dirname "$(eval 'printf %s "${(%):-%x}"')")" && pwd -P)" &&
        _vhbb_completion
elif [ -n "${BASH_VERSION:-}" ]; then
    _vhbb_setup "$(CDPATH= cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)" && _vhbb_completion
else
    _vhbb_fail "source this file from bash or zsh"
fi
_vhbb_status=$?
unset -f _vhbb_fail _vhbb_find_python _vhbb_explain _vhbb_ours _vhbb_build _vhbb_build_once \
    _vhbb_compile _vhbb_index _vhbb_absolute _vhbb_setup _vhbb_completion
eval "unset _vhbb_status; return $_vhbb_status 2>/dev/null || exit $_vhbb_status"
