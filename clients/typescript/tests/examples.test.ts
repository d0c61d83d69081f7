/** The TypeScript examples of the docs: each compiles, and runs against a real server. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { ROOT } from "./samples.js";
import { useServer } from "./server.js";

const PACKAGE = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = join(PACKAGE, "build", "examples");
const PAGES = ["docs/api.md", "docs/typescript.md", "clients/typescript/README.md"];
const BLOCK = /^```ts\n(.*?)^```(?:\n\n```text\n(.*?)^```)?/gmsu;

interface Example {
  name: string;
  code: string;
  /** The documented output; undefined if none is shown. */
  printed: string | undefined;
}

/** Return the examples of all pages. An output in a `text` block may follow; `...` matches any text. */
function examples(): Example[] {
  return PAGES.flatMap((page) =>
    [...readFileSync(join(ROOT, page), "utf8").matchAll(BLOCK)].map(([, code, printed], index) => ({
      name: `${page.replaceAll(/\W/gu, "-")}-${(index + 1).toString()}`,
      code: code ?? "",
      printed,
    })),
  );
}

function pattern(printed: string): RegExp {
  const parts = printed.split("...").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/gu, "\\$&"));
  return new RegExp(`^${parts.join(".*?")}$`, "su");
}

const run = promisify(execFile);
const server = useServer();
const FOUND = examples();

before(async () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const { name, code } of FOUND) {
    writeFileSync(join(FOLDER, `${name}.ts`), code);
  }
  const settings = {
    extends: "../../tests/tsconfig.json",
    compilerOptions: { rootDir: ".", outDir: ".", noPropertyAccessFromIndexSignature: false, noUnusedLocals: false },
    include: ["."],
    exclude: [],
  };
  writeFileSync(join(FOLDER, "tsconfig.json"), JSON.stringify(settings));
  await run(process.execPath, [join(PACKAGE, "node_modules", "typescript", "bin", "tsc"), "-p", FOLDER]).catch(
    (error: unknown) => assert.fail((error as { stdout: string }).stdout),
  );
});

test("each page has examples", () => {
  for (const page of PAGES) {
    assert.ok(
      FOUND.some(({ name }) => name.startsWith(page.replaceAll(/\W/gu, "-"))),
      page,
    );
  }
});

for (const { name, printed } of FOUND) {
  test(`example ${name} runs`, async () => {
    const { stdout } = await run(process.execPath, [join(FOLDER, `${name}.js`)], {
      env: { ...process.env, SEGBATCH_API_URL: server.url, SEGBATCH_API_KEY: server.key },
    });
    assert.match(stdout, printed === undefined ? /^/u : pattern(printed));
  });
}
