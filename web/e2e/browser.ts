/** Chromium over a real `segbatch serve` with the sample data. */

import axe from "axe-core";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { CONTACTS, makeFolder, type Server, segbatch, startServer } from "../../clients/typescript/tests/samples.js";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** As root, Chromium needs --no-sandbox. The others keep it from calling its maker's servers. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const TIMES = ["2025-10-31T02:00Z", "2025-11-01T02:00Z", "2025-11-02T02:00Z", "2025-11-03T02:00Z"];

export class Site {
  server!: Server;
  #browser!: Browser;
  #contexts: BrowserContext[] = [];
  #end = async () => {};

  async start(
    times: readonly string[],
    hasContacts: boolean,
    contactsOf?: (index: number, folder: string) => string,
  ): Promise<void> {
    [this.server, this.#end] = await startServer(makeFolder(times, contactsOf), hasContacts);
    this.#browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  }

  async stop(): Promise<void> {
    await this.#browser?.close();
    await this.#end();
  }

  /** Open a page in a browser of its own. Errors of scripts, calls to other hosts and what the policy blocks fail the test. */
  async open(address = this.server.url, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext(options);
    this.#contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.problems.push(error.message));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) this.problems.push(message.text());
    });
    page.on("request", (request) => {
      const url = new URL(request.url());
      const isOwn = url.origin === this.server.url || ["data:", "blob:", "file:"].includes(url.protocol);
      if (!isOwn) this.problems.push(`a request to ${url.origin}`);
    });
    page.setDefaultTimeout(20_000);
    await page.goto(address);
    return page;
  }

  readonly problems: string[] = [];

  async closePages(): Promise<void> {
    await Promise.all(this.#contexts.splice(0).map((context) => context.close()));
    expect(this.problems.splice(0)).toEqual([]);
  }

  async signIn(page: Page, key = this.server.key): Promise<void> {
    await page.getByLabel("Key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
  }

  /** Open a place of the page, signed in. */
  async openSignedIn(place = "#/segments", options: BrowserContextOptions = {}): Promise<Page> {
    const page = await this.open(`${this.server.url}/${place}`, options);
    await this.signIn(page);
    await page.getByRole("heading", { level: 1 }).waitFor();
    return page;
  }
}

/** Run the segments in the folder of a site once more. */
export function runAgain(folder: string, id: string, time: string): void {
  segbatch(folder, "run", "--contacts", CONTACTS, "--segments", "segments", "--as-of", time, "--run-id", id);
}

/** Start a site for the tests of a file, and end it after them. */
export function startSite(
  times: readonly string[] = TIMES,
  hasContacts = true,
  contactsOf?: (index: number, folder: string) => string,
): Site {
  const site = new Site();
  beforeAll(() => site.start(times, hasContacts, contactsOf));
  afterEach(() => site.closePages());
  afterAll(() => site.stop());
  return site;
}

/** Wait until a page has all its answers. */
export async function settled(page: Page): Promise<void> {
  await page.waitForLoadState("networkidle");
  await expect.poll(() => page.getByText(/^Loading …|Still waiting …$/).count(), { timeout: 60_000 }).toBe(0);
  await expect.poll(() => page.locator("[aria-busy=true]").count(), { timeout: 60_000 }).toBe(0);
}

/** Check a page with axe. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source); // by the debugger, which the Content-Security-Policy does not concern
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join("\n")}`)).toEqual([]);
}
