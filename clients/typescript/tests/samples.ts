/** A real `segbatch serve` over the sample data, with keys of two projects and published runs. No test runner is needed. */

import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = rootOf(fileURLToPath(import.meta.url));
const SEGBATCH = process.env["SEGBATCH"] ?? join(ROOT, ".venv", "bin", "segbatch");
export const CONTACTS = join(ROOT, "sample_data", "contacts.parquet");

export interface Server {
  url: string;
  /** The secret of a key of the project `proj-1`. */
  key: string;
  readOnlyKey: string;
  otherKey: string;
  folder: string;
}

function rootOf(folder: string): string {
  return existsSync(join(folder, "pyproject.toml")) ? folder : rootOf(dirname(folder));
}

/** Run a command of segbatch in a folder, and return what it prints. */
export function segbatch(folder: string, ...args: string[]): string {
  const done = spawnSync(SEGBATCH, args, { cwd: folder, encoding: "utf8" });
  if (done.status !== 0) {
    throw new Error(`segbatch ${args.join(" ")}: ${done.error?.message ?? ""}${done.stdout}${done.stderr}`);
  }
  return done.stdout.trim();
}

/** Run Python in the environment of segbatch. */
export function python(...args: string[]): void {
  const done = spawnSync(join(dirname(SEGBATCH), "python"), args, { encoding: "utf8" });
  if (done.status !== 0) {
    throw new Error(`python ${args.join(" ")}: ${done.error?.message ?? ""}${done.stderr}`);
  }
}

/**
 * Make a folder with the sample segments and one run as of each time.
 *
 * @param contactsOf Returns the contacts of a run; by default the sample contacts.
 */
export function makeFolder(
  times: readonly string[],
  contactsOf: (index: number, folder: string) => string = () => CONTACTS,
): string {
  const folder = mkdtempSync(join(tmpdir(), "segbatch-samples-"));
  for (const name of ["segments", "lists"]) {
    cpSync(join(ROOT, "sample_data", name), join(folder, name), { recursive: true });
  }
  for (const [index, time] of times.entries()) {
    segbatch(folder, "run", "--contacts", contactsOf(index, folder), "--segments", "segments", "--as-of", time);
  }
  return folder;
}

/** Start a server in a folder, with or without contacts. Call the returned function to end it and remove the folder. */
export async function startServer(folder: string, hasContacts = true): Promise<[Server, () => Promise<void>]> {
  const key = segbatch(folder, "keys", "create", "--project", "proj-1");
  const readOnlyKey = segbatch(folder, "keys", "create", "--project", "proj-1", "--read-only");
  const otherKey = segbatch(folder, "keys", "create", "--project", "proj-2");
  const contacts = hasContacts ? ["--contacts", CONTACTS] : [];
  const child = spawn(SEGBATCH, ["serve", "--port", "0", ...contacts], {
    cwd: folder,
    stdio: ["ignore", "pipe", "ignore"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const url = / at (http:\/\/[^/\s]+)/u.exec(line)?.[1];
    if (url) {
      return [{ url, key, readOnlyKey, otherKey, folder }, () => stop(child, folder)];
    }
  }
  throw new Error("segbatch serve ended without an address");
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null) {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}
