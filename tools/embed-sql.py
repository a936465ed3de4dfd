#!/usr/bin/env python3
"""Turns .sql files into one C table of vd_sql (base/vd/store.h), in the order of their names.

usage: embed-sql.py TABLE OUT.c FILE.sql...
"""
import pathlib
import sys


def c_text(text):
    lines = text.splitlines()
    return "\n".join('        "%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)


def main():
    table, out, *names = sys.argv[1:]
    rows = []
    for path in sorted(map(pathlib.Path, names), key=lambda p: p.stem):
        text = path.read_text(encoding="utf-8")
        if not text.startswith("-- " + path.stem + ":"):
            sys.exit(f"{path}: the first line must be '-- {path.stem}: ...' and say what a changed row count means")
        rows.append('    { "%s",\n%s },' % (path.stem, c_text(text)))
    pathlib.Path(out).write_text(
        '#include "vd/store.h"\n#pragma GCC diagnostic ignored "-Woverlength-strings"\nextern const vd_sql %s[];\nconst vd_sql %s[] = {\n%s\n    { NULL, NULL },\n};\n'
        % (table, table, "\n".join(rows)), encoding="utf-8")


main()
