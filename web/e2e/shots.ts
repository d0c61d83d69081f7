/** Write a picture of each page into docs/images, for the docs: `make web-shots`. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { CONTACTS, python, ROOT } from "../../clients/typescript/tests/samples.js";
import { settled, startSite } from "./browser.js";
import { PLACES } from "./places.js";

const DAYS = 30;
const LAST = Date.parse("2025-11-04T02:00:00Z");
const TIMES = Array.from({ length: DAYS }, (_, day) => new Date(LAST - (DAYS - 1 - day) * 86_400_000).toISOString());
const FOLDER = join(ROOT, "docs", "images");
const EARLIER = join(ROOT, "web", "e2e", "earlier_contacts.py");
const site = startSite(TIMES, true, (index, folder) => {
  const contacts = join(folder, "contacts.parquet");
  python(EARLIER, CONTACTS, contacts, String(DAYS - 1 - index));
  return contacts;
});

test.each(Object.entries(PLACES))("the picture of the page %s is written", async (name, { hash, heading }) => {
  mkdirSync(FOLDER, { recursive: true });
  const page = await site.openSignedIn(hash, { viewport: { width: 1200, height: 800 }, colorScheme: "light" });
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  await settled(page);
  await page.screenshot({ path: join(FOLDER, `page-${name}.png`), animations: "disabled", caret: "hide" });
});
