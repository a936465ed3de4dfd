#!/usr/bin/env python3
"""The checks find what they are for: each is shown a small tree with one thing wrong."""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from source_files import ROOT, with_suffix


def tool(name, *words):
    done = subprocess.run([ROOT / "tools" / name, *words], capture_output=True, text=True)
    return done.returncode, done.stdout


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text=""):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Counts(Tree):
    def counts(self, text, name="a.c"):
        return tool("counts", str(self.write(name, text)))

    # covers: BASE-3
    def test_a_short_function_passes(self):
        code, out = self.counts("int f(void)\n{\n    return 1;\n}\n")
        self.assertEqual(code, 0, out)
        self.assertIn("1 functions", out)

    # covers: BASE-3
    def test_a_long_function_fails_unless_it_says_why(self):
        body = "    f();\n" * 70
        code, out = self.counts("int f(void)\n{\n" + body + "}\n")
        self.assertEqual(code, 1)
        self.assertIn("f has 7", out)
        code, out = self.counts("/* counts: long because it is a table */\nint f(void)\n{\n" + body + "}\n")
        self.assertEqual(code, 0, out)

    def test_a_tangled_function_fails(self):
        code, out = self.counts("int f(int a)\n{\n" + "    if (a) a--;\n" * 16 + "    return a;\n}\n")
        self.assertEqual(code, 1)
        self.assertIn("complexity", out)

    def test_tests_count_by_their_name(self):
        code, out = self.counts("VD_TEST(a_name)\n{\n" + "    f();\n" * 70 + "}\n\nVD_TEST_MAIN(VD_RUN(a_name))\n")
        self.assertEqual(code, 1)
        self.assertIn("a_name has", out)

    def test_a_wide_line_and_a_long_file_fail(self):
        code, out = self.counts("/* " + "x" * 100 + " */\n" + "\n" * 600, "a.h")
        self.assertEqual(code, 1)
        self.assertIn("line of 106 characters", out)
        self.assertIn("file of 601 lines", out)


class Boundaries(Tree):
    STAGE = "{0} = declare_dependency(include_directories: inc, dependencies: [{1}])\n"

    def setUp(self):
        super().setUp()
        for name, uses in (("camera", "contract"), ("rules", "camera")):
            self.write(f"agent/{name}/meson.build", self.STAGE.format(name, uses))
            self.write(f"agent/{name}/{name}.h")
            self.write(f"agent/{name}/README.md", "in, out\n")

    def check(self, expected):
        code, out = tool("boundaries", "--root", str(self.root))
        self.assertEqual(code, 1 if expected else 0, out)
        self.assertIn(expected, out)

    # covers: BASE-3, BASE-1
    def test_a_clean_tree_passes(self):
        self.write("agent/rules/rules.c", '#include "rules.h"\n#include "camera.h"\n')
        self.check("")

    # covers: BASE-3, BASE-1
    def test_a_stage_that_looks_ahead_is_found(self):
        self.write("agent/camera/camera.c", '#include "rules.h"\n')
        self.check('"rules.h" belongs to agent/rules')

    def test_a_climbing_include_is_found(self):
        self.write("agent/rules/rules.c", '#include "../camera/camera.h"\n')
        self.check("climbs out")

    def test_a_neighbours_private_header_is_found(self):
        self.write("agent/camera/camera_priv.h")
        self.write("agent/rules/rules.c", '#include "camera_priv.h"\n')
        self.check("private to another folder")

    def test_the_database_outside_its_file_is_found(self):
        self.write("agent/rules/rules.c", "#include <sqlite3.h>\n")
        self.check("sqlite3.h is for base/store.c only")

    def test_a_second_public_header_is_found(self):
        self.write("agent/rules/more.h")
        self.check("has 2 public headers")

    def test_a_missing_or_long_readme_is_found(self):
        self.write("agent/rules/README.md", "line\n" * 31)
        self.check("longer than 30 lines")
        (self.root / "agent/rules/README.md").unlink()
        self.check("has no README.md")

    def test_a_folder_for_everything_is_found(self):
        self.write("agent/utils/a.c")
        self.check("a folder is called utils/")


class Requirements(Tree):
    def check(self, rows, test, expected):
        self.write("docs/requirements.md", "| id | promise | where | test |\n|---|---|---|---|\n" + rows)
        self.write("a_test.c", test)
        code, out = tool("requirements", "--root", str(self.root))
        self.assertEqual(code, 1 if expected else 0, out)
        self.assertIn(expected, out)

    # covers: BASE-3
    def test_rows_and_claims_that_agree_pass(self):
        self.check("| AB-1 | x | y | a_test.c |\n", "/""/ covers: AB-1\n", "")

    # covers: BASE-3
    def test_a_row_without_a_claim_fails(self):
        self.check("| AB-1 | x | y | a_test.c |\n", "", "AB-1: no test claims it")

    def test_a_claim_without_a_row_fails(self):
        self.check("| AB-1 | x | y | a_test.c |\n", "/""/ covers: AB-1, AB-2\n", "AB-2: claimed by a_test.c")

    def test_a_row_that_names_no_file_or_a_missing_one_fails(self):
        self.check("| AB-1 | x | y | |\n", "/""/ covers: AB-1\n", "names no test")
        self.check("| AB-1 | x | y | b_test.c |\n", "/""/ covers: AB-1\n", "b_test.c does not exist")


class House(unittest.TestCase):
    # covers: BASE-3
    def test_every_dependency_is_named_with_its_licence(self):
        notice = (ROOT / "NOTICE").read_text().lower()
        as_named = {"libjpeg": "libjpeg-turbo", "libargon2": "libargon2", "sqlite3": "sqlite", "yaml-0.1": "libyaml",
                    "threads": "", "zlib": "zlib", "openssl": "openssl"}
        for name in with_suffix("meson.build"):
            for dependency in re.findall(r"dependency\('([^']+)'", (ROOT / name).read_text()):
                if dependency.startswith(("gio-", "glib-")):
                    dependency = "glib"
                if dependency.startswith("gst"):
                    dependency = "gstreamer"
                self.assertIn(as_named.get(dependency, dependency).lower(), notice, f"{dependency} of {name}")

    # covers: BASE-3
    def test_every_part_of_the_page_is_named_with_its_licence(self):
        notice = (ROOT / "NOTICE").read_text().lower()
        for name in json.loads((ROOT / "web/package.json").read_text())["dependencies"]:
            self.assertIn(name.lower(), notice)

    # covers: BASE-3
    def test_the_licence_is_apache_and_ci_runs_the_tests(self):
        self.assertIn("Apache License", (ROOT / "LICENSE").read_text())
        self.assertIn("make test", (ROOT / ".ci/run").read_text())


if __name__ == "__main__":
    unittest.main(verbosity=0)
