// What the page stands on: its own unit tests, its generated types, and its pictures of every place.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { picturesMissing } from "./pictures.mjs";
import { shots, takeScreenshots } from "./screenshots.mjs";

const root = process.env.VEDETTE_SOURCE_ROOT ?? new URL("../..", import.meta.url).pathname;

// covers: WEB-1
test(
    "the page's pure logic holds",
    {
        timeout: 120_000,
        skip: !existsSync(join(root, "web/node_modules")) && "web's packages are not installed",
    },
    () => {
        const run = spawnSync(process.execPath, ["run-tests.mjs"], {
            cwd: join(root, "web"),
            encoding: "utf8",
            env: { ...process.env, NODE_TEST_CONTEXT: undefined },
        });
        assert.equal(run.status, 0, run.stdout + run.stderr);
    },
);

// covers: WEB-1
test("the page's types are those of the contract", { timeout: 60_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "vedette-types-"));
    try {
        execFileSync("python3", [
            join(root, "contract/generate.py"),
            "--ts",
            join(folder, "contract.gen.ts"),
        ]);
        assert.equal(
            readFileSync(join(root, "web/src/contract.gen.ts"), "utf8"),
            readFileSync(join(folder, "contract.gen.ts"), "utf8"),
            "python3 contract/generate.py --ts web/src/contract.gen.ts",
        );
    } finally {
        rmSync(folder, { recursive: true });
    }
});

// covers: WEB-1
test(
    "every place has its picture, desk and phone, dark and light",
    { timeout: 600_000, skip: picturesMissing() || false },
    async () => {
        const made = await takeScreenshots();
        assert.equal(made.length, 4 * Object.keys(shots).length);
        for (const file of made) assert.ok(statSync(file).size > 8000, file);
    },
);
