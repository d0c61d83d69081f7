/** A report, opened as a file without a network. */

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { segbatch } from "../../clients/typescript/tests/samples.js";
import { expectAccessible, runAgain, settled, startSite } from "./browser.js";

const DAYS = 30;
const LAST = Date.parse("2025-11-04T02:00:00Z");
const TIMES = Array.from({ length: DAYS }, (_, day) => new Date(LAST - (DAYS - 1 - day) * 86_400_000).toISOString());
const site = startSite(TIMES);

test("a report shows segments, runs and overlaps from a file, with the network off", async () => {
  for (const id of ["once", "again"]) runAgain(site.server.folder, id, TIMES.at(-1) ?? "");
  segbatch(site.server.folder, "report", "--to", "report.html", "--runs", String(DAYS));
  const page = await site.open(pathToFileURL(join(site.server.folder, "report.html")).href, { offline: true });
  const menu = page.getByRole("navigation");
  const rows = (table: string) => page.getByRole("table", { name: table, exact: true }).locator("tbody tr");
  const shows = async (heading: string | RegExp) => {
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await settled(page);
    expect(await page.getByRole("alert").filter({ hasText: /./ }).allTextContents()).toEqual([]);
    await expectAccessible(page);
  };

  await shows("Segments");
  expect(await rows("Segments").count()).toBe(22);
  expect(await page.getByRole("link", { name: "New segment" }).count()).toBe(0);
  expect(await menu.getByRole("link", { name: "Contact" }).count()).toBe(0);
  await page.getByRole("searchbox").fill("pro plan");
  await expect.poll(() => rows("Segments").count()).toBe(1);

  await page.getByRole("link", { name: "Pro Plan Users" }).click();
  await shows("Pro Plan Users");
  await page.getByText("custom_fields.plan is “pro”").waitFor();
  expect(await rows("Runs").count()).toBe(DAYS);
  expect(await page.getByRole("link", { name: "Edit" }).count()).toBe(0);

  await menu.getByRole("link", { name: "Runs" }).click();
  await shows("Runs");
  expect(await rows("Runs").count()).toBe(DAYS);
  await rows("Runs").first().getByRole("link").click();
  await shows(/^Run of 4 Nov 2025/);
  await page.getByRole("link", { name: "once", exact: true }).waitFor();

  await menu.getByRole("link", { name: "Overlap" }).click();
  await shows("Overlap");
  expect(await rows("Shared members").count()).toBeGreaterThan(10);
});
