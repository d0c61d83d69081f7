/** The server that the tests of a file call. */

import { after, before } from "node:test";

import { makeFolder, startServer } from "./samples.js";
import type { Server } from "./samples.js";

/** Start a server for the tests of a file, and end it after them. */
export function useServer(times: readonly string[] = ["2025-11-04T02:00Z"]): Server {
  const server: Server = { url: "", key: "", readOnlyKey: "", otherKey: "", folder: "" };
  let stop = (): Promise<void> => Promise.resolve();
  before(async () => {
    const [started, end] = await startServer(makeFolder(times));
    Object.assign(server, started);
    stop = end;
  });
  after(() => stop());
  return server;
}
