/** The package: its files, its dependencies and its lock file. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(`${PACKAGE}${name}`, "utf8"));
}

test("npm pack contains the build, its types and the sources, and nothing else", () => {
  const printed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: PACKAGE,
    encoding: "utf8",
  });
  const [packed] = JSON.parse(printed) as { files: { path: string }[] }[];
  const files = packed?.files.map(({ path }) => path) ?? [];
  assert.deepEqual(
    new Set(files.map((path) => path.split("/")[0])),
    new Set(["README.md", "package.json", "dist", "src"]),
  );
  for (const needed of ["dist/index.js", "dist/index.d.ts", "dist/schema.d.ts", "src/index.ts"]) {
    assert.ok(files.includes(needed), needed);
  }
});

test("the package has no dependency at run time", () => {
  const found = readJson("package.json") as Record<string, unknown>;
  for (const kind of ["dependencies", "peerDependencies", "optionalDependencies"]) {
    assert.equal(found[kind], undefined);
  }
});

test("the built package can be imported by its name", async () => {
  const built = (await import("@segbatch/client")) as { SegmentsClient: unknown };
  assert.equal(typeof built.SegmentsClient, "function");
});
