/** Each page, on a wide screen and on a phone, in light and dark. */

import { describe, expect, test } from "vitest";
import { expectAccessible, runAgain, settled, startSite, TIMES } from "./browser.js";
import { PLACES } from "./places.js";

const site = startSite();
const SCREENS = {
  "a wide screen in light": { viewport: { width: 1400, height: 900 }, colorScheme: "light" },
  "a phone in dark": { viewport: { width: 360, height: 740 }, colorScheme: "dark" },
} as const;

describe.each(Object.entries(SCREENS))("on %s", (_screen, options) => {
  test.each(Object.entries(PLACES))("the page %s shows its heading, and axe finds nothing", async (_name, place) => {
    const page = await site.openSignedIn(place.hash, options);
    await page.getByRole("heading", { level: 1, name: place.heading }).waitFor();
    await settled(page);
    expect(await page.getByRole("alert").filter({ hasText: /./ }).allTextContents()).toEqual([]);
    await expectAccessible(page);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(overflow).toBeLessThanOrEqual(0);
  });

  test("axe finds nothing in the sign-in", async () => {
    const page = await site.open(site.server.url, options);
    await page.getByLabel("Key").waitFor();
    await expectAccessible(page);
  });
});

test("the sections can be reached with the keyboard alone", async () => {
  const page = await site.open(site.server.url);
  await page.getByLabel("Key").focus();
  await page.keyboard.type(site.server.key);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Segments" }).waitFor();
  await page.getByRole("searchbox").focus();
  await page.keyboard.type("pro plan");
  await expect.poll(() => page.getByRole("link", { name: "Pro Plan Users" }).count()).toBe(1);
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  for (let presses = 0; (await focused()) !== "Pro Plan Users"; presses++) {
    expect(presses).toBeLessThan(30);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Pro Plan Users" }).waitFor();
  expect(await focused()).toBe("Pro Plan Users");
});

test("without JavaScript, the page says what it needs", async () => {
  const page = await site.open(site.server.url, { javaScriptEnabled: false });
  await page
    .getByText(/JavaScript/)
    .first()
    .waitFor();
});

test("a filter finds a segment, and its page shows the members", async () => {
  const page = await site.openSignedIn();
  await page.getByRole("searchbox").fill("upsell");
  await page.getByRole("link", { name: /Upsell/i }).click();
  await settled(page);
  await page.getByRole("heading", { name: "Members" }).waitFor();
  expect(page.url()).toContain("#/segments/upsell-to-pro");
});

test("charts have the values of the last run in their legend, also on a phone", async () => {
  const page = await site.openSignedIn("#/segments/pro-plan-users", { viewport: { width: 360, height: 740 } });
  const legend = page.locator(".u-legend").first();
  await expect.poll(() => legend.textContent()).toMatch(/^As of3 NovMembers\d+$/);
});

test("members are shown with chosen columns, which stay for other segments", async () => {
  const page = await site.openSignedIn("#/segments/pro-plan-users");
  await page.getByRole("button", { name: "Choose columns" }).click();
  await page.getByLabel("Add a column").selectOption("custom_fields.plan");
  const table = page.getByRole("table", { name: "Members with columns" });
  await expect.poll(() => table.locator("tbody td").first().textContent()).toBe("pro");
  expect(await table.locator("tbody tr").count()).toBe(50);
  await expectAccessible(page);
  await page.goto(`${site.server.url}/#/segments/us-west-coast`);
  await page.getByRole("heading", { level: 1, name: "US West Coast" }).waitFor();
  await table.locator("tbody td").first().waitFor();
  await page.getByRole("button", { name: "Remove the column custom_fields.plan" }).click();
  await table.waitFor({ state: "detached" });
});

test("a contact is looked up by its id", async () => {
  const page = await site.openSignedIn("#/contact");
  await page.getByLabel("Contact id").fill("0027aab6-f1a1-431d-9a04-f9a659baa415");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByRole("heading", { name: /^In \d+ segment/ }).waitFor();
  await page
    .getByRole("button", { name: /^Why: / })
    .first()
    .click();
  await page.getByText("is a member").first().waitFor();
  await page.getByLabel("Contact id").fill("nobody");
  await page.getByRole("button", { name: "Look up" }).click();
  await page.getByText("The run has no contact with the id nobody.").waitFor();
});

test("repeated runs have their ids, and a link in text is not only a color", async () => {
  for (const id of ["once", "again"]) runAgain(site.server.folder, id, TIMES.at(-1) ?? "");
  const page = await site.openSignedIn("#/runs/current", { viewport: { width: 1280, height: 900 } });
  await page.getByRole("link", { name: "once", exact: true }).waitFor();
  await settled(page);
  await expectAccessible(page);
  for (const place of ["runs", "segments/pro-plan-users"]) {
    await page.goto(`${site.server.url}/#/${place}`);
    const runs = page.getByRole("table", { name: "Runs" });
    await runs.getByRole("row", { name: /3 Nov 2025, 02:00 UTC.* once/ }).waitFor();
    await runs.getByRole("row", { name: /3 Nov 2025, 02:00 UTC.* again/ }).waitFor();
    await settled(page);
    await expectAccessible(page);
  }
});
