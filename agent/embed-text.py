#!/usr/bin/env python3
"""Turns a text file into a C string constant.

usage: embed-text.py NAME OUT.c FILE
"""
import pathlib
import sys

name, out, source = sys.argv[1:]
lines = pathlib.Path(source).read_text(encoding="utf-8").splitlines()
body = "\n".join('    "%s\\n"' % line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
pathlib.Path(out).write_text(f'#pragma GCC diagnostic ignored "-Woverlength-strings"\n' + f"extern const char {name}[];\nconst char {name}[] =\n{body};\n", encoding="utf-8")
