"""Which files the checks look at: what git tracks or would track, so that builds and downloads stay out."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def all_files():
    """Paths relative to the root, sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        skip = {"build", "node_modules", "var", "dist", ".git"}
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
                 if not skip & set(path.relative_to(ROOT).parts)]
    return sorted({name for name in names if (ROOT / name).is_file()})


def with_suffix(*suffixes):
    return [name for name in all_files() if name.endswith(suffixes)]


def c_sources():
    return with_suffix(".c", ".cc", ".cpp")


def c_files():
    return with_suffix(".c", ".cc", ".cpp", ".h", ".hpp")
