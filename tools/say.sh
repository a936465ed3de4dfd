# Sourced by the scripts in tools/: how they speak.
say() { printf 'vedette: %s\n' "$*"; }
die() { # fact, hint
    printf 'vedette: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf '         %s\n' "$2" >&2
    exit 1
}
