/** Names, values, tags and ids without a space do not widen a page on a phone. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CONTACTS, segbatch } from "../../clients/typescript/tests/samples.js";
import { settled, startSite } from "./browser.js";

const word = (length: number) => "Donaudampfschifffahrt".repeat(30).slice(0, length);
const ID = word(100);
const PHONE = { viewport: { width: 360, height: 740 } } as const;

const site = startSite(["2025-11-02T02:00Z"]);

/** Make a run with long words: a good segment, one that refers to it, and one that failed. */
function addLongWords(folder: string): void {
  const about = { project_id: "proj-1", name: word(200), description: word(500), owner: word(100), tags: [word(50)] };
  const rule = { field: "city", operator: "neq", value: word(500) };
  const segments = {
    [ID]: { ...about, rules: [rule, { match: "any", rules: [rule, { field: "status", operator: "exists" }] }] },
    long: { ...about, rules: [{ operator: "in_segment", value: ID }] },
    wrong: { ...about, rules: [{ ...rule, field: word(500) }] },
  };
  for (const [id, segment] of Object.entries(segments)) {
    writeFileSync(join(folder, "segments", `${id}.json`), JSON.stringify({ id, ...segment }));
  }
  const run = ["run", "--contacts", CONTACTS, "--segments", "segments", "--as-of", "2025-11-03T02:00Z"];
  expect(() => segbatch(folder, ...run)).toThrow(/wrong .* failed/);
}

test("no page is wider than a phone", async () => {
  addLongWords(site.server.folder);
  const page = await site.openSignedIn("#/segments", PHONE);
  const places = ["segments", `segments/${ID}`, "segments/long", "segments/wrong", "runs", "runs/current", "overlap"];
  for (const place of [...places, "contact/0027aab6-f1a1-431d-9a04-f9a659baa415", `contact/${word(500)}`]) {
    await page.goto(`${site.server.url}/#/${place}`);
    await settled(page);
    for (const closed of await page.locator("summary").all()) await closed.click();
    const funnel = page.getByRole("button", { name: "Count the contacts that each rule keeps" });
    if (await funnel.count()) await funnel.click();
    const why = page.getByRole("button", { name: new RegExp(`^Why: ${word(200)}`) });
    if (await why.count()) await why.first().click();
    await settled(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(`${place.slice(0, 30)}: ${width}`).toBe(`${place.slice(0, 30)}: ${PHONE.viewport.width}`);
  }
}, 600_000);
