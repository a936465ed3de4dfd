#!/usr/bin/env python3
"""The walls stand: with one stage's own compiler flags, the header of a stage it must not see does
not compile, and each header it may see does.

Flags come from build/*/compile_commands.json; what a stage may see, from tools/boundaries.
"""
import importlib.machinery
import json
import os
import re
import pathlib
import shlex
import subprocess
import unittest

import source_files

ROOT = source_files.ROOT
BUILD = pathlib.Path(os.environ.get("VEDETTE_BUILD_ROOT", ROOT / "build/debug"))
boundaries = importlib.machinery.SourceFileLoader("boundaries", str(ROOT / "tools/boundaries")).load_module()


def flags_of(command):
    words = shlex.split(command)
    drop = {at for at, word in enumerate(words) if word in ("-MD", "-c")}
    for at, word in enumerate(words):
        if word in ("-o", "-MQ", "-MF", "-c"):  # with what follows
            drop |= {at, at + 1}
    return [word for at, word in enumerate(words) if at not in drop]


def stage_flags(folder, entries):
    """The compiler and flags of the stage's library, or None while it has no source. A part that is built by itself, and sees
    less, is not the stage."""
    found = [flags_of(entry["command"]) for entry in entries
             if os.path.dirname(os.path.relpath((BUILD / entry["file"]).resolve(), ROOT)) == folder and ".a.p/" in entry["output"]]
    return max(found, key=len, default=None)


def compiles(flags, header):
    """Does our header come in? A library of the system may have one of the same name."""
    done = subprocess.run([*flags, "-fsyntax-only", "-H", "-x", "c", "-"], input=f'#include "{header}"\n',
                          cwd=BUILD, capture_output=True, text=True)
    first = re.search(r"^\. (.+)$", done.stderr, re.M)
    ours = first and (BUILD / first[1]).resolve().is_relative_to(boundaries.ROOT)
    return done.returncode == 0 and bool(ours), done.stderr


class Walls(unittest.TestCase):
    def setUp(self):
        names = source_files.all_files()
        self.entries = json.loads((BUILD / "compile_commands.json").read_text())
        self.found = boundaries.stages(names)
        self.header = {os.path.dirname(name): os.path.basename(name) for name in names
                       if os.path.dirname(name) in self.found and name.endswith(".h")
                       and not name.endswith("_priv.h")}
        self.stage_of = {dep: (folder, uses) for folder, (dep, uses) in self.found.items()}

    # covers: BASE-1
    def test_the_camera_cannot_see_the_rules(self):
        flags = stage_flags("agent/camera", self.entries)
        self.assertIsNotNone(flags, "agent/camera has no compile command")
        self.assertTrue(compiles(flags, "camera.h")[0])
        seen, said = compiles(flags, "rules.h")
        self.assertFalse(seen)
        self.assertIn("rules.h: No such file", said)

    # covers: BASE-1
    def test_each_stage_sees_its_own_way_and_nothing_else(self):
        checked = 0
        for folder, (dep, uses) in self.found.items():
            flags = stage_flags(folder, self.entries)
            if not flags:
                continue
            allowed = boundaries.reach(self.stage_of, uses) | {dep}
            for other, header in self.header.items():
                may = self.found[other][0] in allowed
                with self.subTest(stage=folder, header=header):
                    seen, said = compiles(flags, header)
                    self.assertEqual(seen, may, said)
                    checked += 1
        self.assertGreater(checked, 0)

    def test_the_order_has_no_circle(self):
        for folder, (dep, uses) in self.found.items():
            self.assertNotIn(dep, boundaries.reach(self.stage_of, uses), folder)


if __name__ == "__main__":
    unittest.main(verbosity=0)
