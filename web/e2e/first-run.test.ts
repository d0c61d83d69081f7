/** The editor before the first run, with and without contacts. */

import { describe, expect, test } from "vitest";
import { SegmentsClient } from "../../clients/typescript/src/index.js";
import { expectAccessible, settled, startSite } from "./browser.js";

describe("before the first run", () => {
  const site = startSite([]);

  test("the fields of the server's contacts are offered and counted", async () => {
    const page = await site.openSignedIn("#/new");
    await page.getByText("The size is counted when each rule has a field.").waitFor();
    await settled(page);
    await expectAccessible(page);
    await page.getByLabel("Field", { exact: true }).selectOption("city");
    await page.getByLabel("Value", { exact: true }).fill("Berlin");
    await page.getByText(/^The segment would have [\d,]+ members?$/).waitFor();
    await page.getByLabel("Field", { exact: true }).selectOption("Contact (segments)");
    await page.getByLabel("Segment", { exact: true }).selectOption("Paying Customers");
  });
});

describe("before the first run, without contacts", () => {
  const site = startSite([], false);

  test("the names of fields are typed", async () => {
    const page = await site.openSignedIn("#/new");
    await page.getByText(/^The server has no contacts yet/).waitFor();
    await settled(page);
    await expectAccessible(page);
    await page.getByLabel("Name", { exact: true }).fill("Typed");
    await page.getByLabel("Field", { exact: true }).pressSequentially("city");
    await page.getByLabel("Value", { exact: true }).fill("Berlin");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { level: 1, name: "Typed" }).waitFor();
    await page.getByText(/^There is no run yet/).waitFor();
    const client = new SegmentsClient({ baseUrl: site.server.url, apiKey: site.server.key });
    const found = (await client.listSegments()).filter(({ name }) => name === "Typed");
    expect(found.map(({ rules }) => rules)).toEqual([[{ field: "city", operator: "eq", value: "Berlin" }]]);
    await page.getByRole("link", { name: "Segments", exact: true }).click();
    await page
      .getByRole("region", { name: /^\d+ segments saved/ })
      .getByRole("link", { name: "Typed" })
      .waitFor();
    await page.getByText("segbatch run --contacts FILE").waitFor();
    await settled(page);
    expect(await page.getByRole("alert").filter({ hasText: /./ }).count()).toBe(0);
    await expectAccessible(page);
  });
});
