/** Sign-in: wrong keys, read-only keys, and other projects. */

import { expect, test } from "vitest";
import { settled, startSite } from "./browser.js";

const site = startSite(["2025-11-03T02:00Z"]);

test("a wrong key is refused", async () => {
  const page = await site.open();
  await site.signIn(page, "segbatch_wrong");
  await expect.poll(() => page.getByRole("alert").textContent()).toMatch(/./);
  expect(await page.getByLabel("Key").isVisible()).toBe(true);
});

test("scripts cannot read the key, and signing out ends the session", async () => {
  const page = await site.openSignedIn();
  const readable = await page.evaluate(() =>
    JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]),
  );
  expect(readable).not.toContain(site.server.key);
  const [cookie] = await page.context().cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Key").waitFor();
  await page.reload();
  await page.getByLabel("Key").waitFor();
});

test("a read-only key sees no way to edit", async () => {
  const page = await site.open(`${site.server.url}/#/segments/pro-plan-users`);
  await site.signIn(page, site.server.readOnlyKey);
  await page.getByRole("heading", { level: 1, name: "Pro Plan Users" }).waitFor();
  await settled(page);
  expect(await page.getByRole("link", { name: "Edit" }).count()).toBe(0);
  await page.goto(`${site.server.url}/#/segments`);
  await page.getByRole("link", { name: "Pro Plan Users" }).waitFor();
  expect(await page.getByRole("link", { name: "New segment" }).count()).toBe(0);
});

test("another project sees only its own segments", async () => {
  const page = await site.open();
  await site.signIn(page, site.server.otherKey);
  await page.getByRole("link", { name: "VIPs of the Second Project" }).waitFor();
  expect(await page.getByRole("link", { name: "Pro Plan Users" }).count()).toBe(0);
  await page.goto(`${site.server.url}/#/segments/pro-plan-users`);
  await page.getByText("It does not exist, or belongs to another project.").first().waitFor();
});
