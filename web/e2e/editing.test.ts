/** The editor: preview, save, conflicts, and a server that fails. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SegmentsClient } from "../../clients/typescript/src/index.js";
import { expectAccessible, settled, startSite } from "./browser.js";

const site = startSite(["2025-11-03T02:00Z"]);

function client(): SegmentsClient {
  return new SegmentsClient({ baseUrl: site.server.url, apiKey: site.server.key });
}

async function openEditor(id: string) {
  const page = await site.openSignedIn(`#/segments/${id}/edit`);
  await page.getByRole("heading", { level: 1, name: /^Edit / }).waitFor();
  await settled(page);
  return page;
}

test("a changed rule is previewed and saved", async () => {
  const page = await openEditor("pro-plan-users");
  await page.getByText(/^The segment would have [\d,]+ members?$/).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("Pro Plan Users, edited");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "Pro Plan Users, edited", exact: true }).waitFor();
  await page.getByText(/^Saved after the last run. Changed: name\./).waitFor();
  expect((await client().getSegment("pro-plan-users")).name).toBe("Pro Plan Users, edited");
});

test("the preview shows who would enter and leave", async () => {
  const page = await openEditor("us-west-coast");
  await page.getByRole("button", { name: "Add rule" }).first().click();
  await page.getByText("Would leave").waitFor();
});

test("a segment that was not changed since the run has no notice", async () => {
  const page = await site.openSignedIn("#/segments/newsletter-subscribers");
  await settled(page);
  expect(await page.getByText(/^Saved after the last run/).count()).toBe(0);
});

test("a change by another writer is merged, and nothing is lost", async () => {
  const page = await openEditor("upsell-to-pro");
  await page.getByLabel("Name", { exact: true }).fill("My name");
  await page.getByLabel("Owner", { exact: true }).fill("me");
  await client().updateSegment("upsell-to-pro", { description: "Changed meanwhile", owner: "them" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The segment was changed meanwhile").waitFor();
  await expectAccessible(page);
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("My name");
  await page.getByRole("group", { name: "Owner" }).getByLabel("Saved version").check();
  await page.getByRole("button", { name: "Merge" }).click();
  await page.keyboard.press("Enter"); // the focus is on Save
  await page.getByRole("heading", { level: 1, name: "My name" }).waitFor();
  const { name, description, owner } = await client().getSegment("upsell-to-pro");
  expect({ name, description, owner }).toEqual({ name: "My name", description: "Changed meanwhile", owner: "them" });
});

test("a segment that another writer deleted is saved as a new one, also after the page was loaded again", async () => {
  const made = await client().createSegment({
    name: "Short-lived",
    owner: "\u{1F469}\u200D\u{1F4BB}",
    rules: [{ field: "city", operator: "eq", value: "Berlin" }],
  });
  const page = await openEditor(made.id);
  await page.getByLabel("Name", { exact: true }).fill("Long-lived");
  await client().deleteSegment(made.id);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The segment was deleted meanwhile").waitFor();
  await expectAccessible(page);
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await page.getByRole("button", { name: "Save as a new segment" }).click();
  await page.getByRole("heading", { level: 1, name: "Long-lived" }).waitFor();
  const [found] = (await client().listSegments()).filter(({ name }) => name === "Long-lived");
  expect(found).toMatchObject({ owner: made.owner, rules: made.rules });
  expect(found?.id).not.toBe(made.id);
});

test("Save says why it does nothing, and can be reached with the keyboard", async () => {
  const page = await site.openSignedIn("#/new");
  const save = page.getByRole("button", { name: "Save" });
  await save.focus();
  expect(await save.evaluate((button) => button === document.activeElement)).toBe(true);
  await page.getByText("To save, enter a name").waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.type("Typed after Save");
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Typed after Save");
  await expectAccessible(page);
});

test("what was typed is kept when the server fails, and when the page is opened again", async () => {
  const page = await openEditor("small-teams");
  await page.getByLabel("Name", { exact: true }).fill("Typed while it failed");
  await page.route("**/api/v1/contacts/segments/small-teams", (route) =>
    route.request().method() === "PATCH" ? route.fulfill({ status: 502, body: "a proxy" }) : route.continue(),
  );
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Not saved", { exact: true }).waitFor();
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Typed while it failed");
  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await expect.poll(() => page.getByLabel("Name", { exact: true }).inputValue()).toBe("Typed while it failed");
});

test("a slow server is reported, and so is one that does not answer", async () => {
  const page = await site.openSignedIn("#/segments");
  await page.route("**/api/v1/runs**", () => {}); // no answer at all
  await page.getByRole("link", { name: "Runs" }).click();
  await page.getByText("The server is taking longer than usual. Still waiting …").first().waitFor();
  await page.unroute("**/api/v1/runs**");
  await page.route("**/api/v1/runs/current/overlap**", (route) => route.abort());
  await page.getByRole("link", { name: "Overlap" }).click();
  await page
    .getByText(/^The server does not answer/)
    .first()
    .waitFor();
});

test("a new segment is created", async () => {
  const page = await site.openSignedIn("#/new");
  await page.getByLabel("Name", { exact: true }).fill("Made in the browser");
  await page.getByLabel("Field", { exact: true }).first().selectOption("city");
  await page.getByLabel("Value", { exact: true }).first().fill("Berlin");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 1, name: "Made in the browser" }).waitFor();
  const found = (await client().listSegments()).filter(({ name }) => name === "Made in the browser");
  expect(found.map(({ rules }) => rules)).toEqual([[{ field: "city", operator: "eq", value: "Berlin" }]]);
});

test("a file that was changed by hand is shown as it is now", async () => {
  const file = join(site.server.folder, "segments", "partner-leads.json");
  const definition = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...definition, name: "By hand" }));
  const page = await site.openSignedIn("#/segments/partner-leads/edit");
  await page.getByRole("heading", { level: 1, name: "Edit By hand" }).waitFor();
});
