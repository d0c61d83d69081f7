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
  await page.getByText("The size is counted when each rule has a field.").waitFor();
  await page.getByLabel("Field", { exact: true }).last().selectOption("city");
  await page.getByLabel("Value", { exact: true }).last().fill("Nowhere");
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
  await page.getByRole("button", { name: "Merge" }).press("Enter");
  await page.getByText("To merge, choose a version of: owner").waitFor();
  await page.getByRole("group", { name: "Owner" }).getByLabel("Saved version").check();
  await page.getByRole("button", { name: "Merge" }).click();
  await page.keyboard.press("Enter"); // the focus is on Save
  await page.getByRole("heading", { level: 1, name: "My name" }).waitFor();
  const { name, description, owner } = await client().getSegment("upsell-to-pro");
  expect({ name, description, owner }).toEqual({ name: "My name", description: "Changed meanwhile", owner: "them" });
});

test("a conflict over long rules shows both in words, and can be read with the keyboard", async () => {
  const values = (word: string) => Array.from({ length: 80 }, (_, index) => `${word} ${index}`);
  const rule = (word: string) => ({ field: "city", operator: "in", value: values(word) }) as const;
  const made = await client().createSegment({ name: "Long rules", rules: [rule("Town")] });
  const page = await openEditor(made.id);
  await page.getByRole("button", { name: "Remove Town 7", exact: true }).click();
  await client().updateSegment(made.id, { rules: [rule("City"), rule("Village")] });
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const versions = page.getByRole("group", { name: "Rules", exact: true });
  await versions.getByText(/^city is one of “Village 0”, “Village 1”/).waitFor();
  await settled(page);
  await expectAccessible(page);
  for (const json of await versions.getByText("As JSON").all()) await json.click();
  const text = page.getByLabel("Rules as JSON: saved version");
  await text.focus();
  await page.keyboard.press("End");
  await expect.poll(() => text.evaluate((element) => element.scrollTop)).toBeGreaterThan(0);
  await expectAccessible(page);
  await versions.getByLabel("Saved version", { exact: true }).check();
  await page.getByRole("button", { name: "Merge" }).click();
  await page.getByText("No changes to save").waitFor();
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

test("a new segment with only a name is not saved", async () => {
  const page = await site.openSignedIn("#/new");
  await page.getByLabel("Name", { exact: true }).fill("Only a name");
  await page.getByRole("button", { name: "Save" }).press("Enter");
  await page.getByText("To save, choose a field").waitFor();
  const field = page.getByLabel("Field", { exact: true });
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
  await settled(page);
  await expectAccessible(page);
  expect((await client().listSegments()).filter(({ name }) => name === "Only a name")).toEqual([]);
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
