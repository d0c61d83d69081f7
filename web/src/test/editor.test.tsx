import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { t } from "../texts";
import { type Call, expectAccessible, openPage, preview, problem, SAVED } from "./server";

const EDIT = `#/segments/${SAVED.id}/edit`;
const isPreview = ({ path }: Call) => path.endsWith("/preview");
const isSave = ({ method, path }: Call) => method === "PATCH" && path.endsWith(SAVED.id);
const value = async () => (await screen.findAllByLabelText(t.editor.value))[0] as HTMLInputElement;

describe("the preview", () => {
  test("counts the rules and compares them with the saved segment", async () => {
    const { calls } = openPage(EDIT);
    expect(await screen.findByText("1,240")).toBeVisible();
    expect(screen.getByText("+32")).toBeVisible();
    expect(screen.getByText("−5")).toBeVisible();
    expect(calls.find(isPreview)?.body).toMatchObject({ rules: SAVED.rules, compare_with: SAVED.id });
    expect(calls.find(isPreview)?.headers).toMatchObject({ "X-CSRF-Token": "token-1", "X-Project-ID": "proj-1" });
    await expectAccessible();
  });

  test("waits for a pause in typing, and cancels the count before", async () => {
    const { calls } = openPage(EDIT, (call) => (isPreview(call) ? new Promise<Response>(() => undefined) : undefined));
    await waitFor(() => expect(calls.filter(isPreview)).toHaveLength(1));
    const user = userEvent.setup();
    await user.clear(await value());
    await user.type(await value(), "team");
    await waitFor(() => expect(calls.filter(isPreview).at(-1)?.body).toMatchObject({ rules: [{ value: "team" }, {}] }));
    const asked = calls.filter(isPreview).map(({ signal }) => signal?.aborted);
    expect(asked).toEqual([...asked.slice(1).map(() => true), false]);
    expect(asked.length).toBeGreaterThan(1);
  });

  test("shows errors and findings beside the rule, and does not count", async () => {
    const { calls } = openPage(EDIT, ({ path }) =>
      path.endsWith("/check")
        ? Response.json({
            errors: [{ path: "$.rules[1].value", message: "'8x' is not a number" }],
            findings: [{ path: "$.rules[0]", message: "matches no contact", kind: "empty" }],
          })
        : undefined,
    );
    const error = await screen.findByText("'8x' is not a number");
    expect(error.closest(".rule")).toHaveTextContent("seats");
    expect(screen.getByText("matches no contact").closest(".rule")).toHaveTextContent("custom_fields.plan");
    expect(screen.getByText(t.editor.fixFirst)).toBeVisible();
    expect(calls.filter(isPreview)).toHaveLength(0);
  });
});

describe("saving", () => {
  test("sends only what changed, if the segment is still the same", async () => {
    const { calls } = openPage(EDIT, (call) => (isSave(call) ? Response.json({ ...SAVED, name: "New" }) : undefined));
    const user = userEvent.setup();
    const name = await screen.findByLabelText(t.editor.keys.name);
    expect(screen.getByRole("button", { name: t.editor.save })).toBeDisabled();
    await user.clear(name);
    await user.type(name, "New");
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    await waitFor(() => expect(window.location.hash).toBe(`#/segments/${SAVED.id}`));
    expect(calls.find(isSave)).toMatchObject({ body: { name: "New" }, headers: { "If-Match": '"1"' } });
    expect(window.sessionStorage).toHaveLength(0);
  });

  test("that fails keeps what was typed", async () => {
    openPage(EDIT, (call) => (isSave(call) ? Promise.reject(new TypeError("failed")) : undefined));
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.description), " more");
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    expect(await screen.findByText(t.editor.kept)).toBeVisible();
    expect(screen.getByLabelText(t.editor.keys.description)).toHaveValue("Starter teams more");
  });

  test("after another writer shows both versions, and saves only when asked again", async () => {
    let etag = '"1"';
    const { calls } = openPage(EDIT, (call) => {
      if (isSave(call)) {
        return call.headers["If-Match"] === '"2"' ? Response.json(SAVED) : problem(412, "changed-meanwhile");
      }
      const isGet = call.method === "GET" && call.path.endsWith(`/segments/${SAVED.id}`) && !call.path.includes("runs");
      return isGet ? Response.json({ ...SAVED, description: etag }, { headers: { ETag: etag } }) : undefined;
    });
    const user = userEvent.setup();
    const name = await screen.findByLabelText(t.editor.keys.name);
    await user.type(name, "!");
    etag = '"2"';
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    expect(await screen.findByRole("button", { name: t.editor.keepMine })).toBeVisible();
    expect(screen.getByText("Upsell to Pro!")).toBeVisible();
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: t.editor.keepMine }));
    expect(calls.filter(isSave)).toHaveLength(1);
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    await waitFor(() => expect(calls.filter(isSave)).toHaveLength(2));
    expect(calls.filter(isSave)[1]?.headers).toMatchObject({ "If-Match": '"2"' });
  });

  test("after the session ended asks for the key and keeps what was typed", async () => {
    openPage(EDIT, (call) => (isSave(call) ? problem(401, "unauthorized") : undefined));
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "!");
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    await user.type(await screen.findByLabelText(t.signIn.key), "key{Enter}");
    await waitFor(() => expect(screen.queryByLabelText(t.signIn.key)).toBeNull());
    expect(screen.getByLabelText(t.editor.keys.name)).toHaveValue("Upsell to Pro!");
  });

  test("creates a new segment without keys that are empty", async () => {
    const { calls } = openPage("#/new", ({ method, path }) =>
      method === "POST" && path.endsWith("/segments")
        ? Response.json({ ...SAVED, id: "new-id" }, { status: 201 })
        : undefined,
    );
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "Active");
    await user.type(await value(), "active");
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    await waitFor(() => expect(window.location.hash).toBe("#/segments/new-id"));
    expect(calls.find((call) => call.method === "POST" && call.path.endsWith("/segments"))?.body).toEqual({
      name: "Active",
      match: "all",
      rules: [{ field: "status", operator: "eq", value: "active" }],
    });
  });
});

describe("rules", () => {
  const lastPreview = (calls: Call[]) => calls.filter(isPreview).at(-1)?.body;

  test("are changed: another operator fits the value, groups and rules are added and removed", async () => {
    const { calls } = openPage(EDIT);
    const user = userEvent.setup();
    const [operator] = await screen.findAllByLabelText(t.editor.builder.operators.title);
    await user.selectOptions(operator as HTMLElement, "in");
    await user.type(await screen.findByLabelText(t.editor.addValue), "team{Enter}");
    await user.click(screen.getAllByTitle(t.editor.builder.removeRule.title)[1] as HTMLElement);
    await user.click(screen.getByTitle(t.editor.builder.addGroup.title));
    await user.selectOptions(screen.getAllByLabelText(t.editor.builder.combinators.title)[1] as HTMLElement, "none");
    await user.type(await value(), "churned");
    await waitFor(() =>
      expect(lastPreview(calls)).toMatchObject({
        match: "all",
        rules: [
          { field: "custom_fields.plan", operator: "in", value: ["starter", "team"] },
          { match: "none", rules: [{ field: "status", operator: "eq", value: "churned" }] },
        ],
      }),
    );
  });

  test("as JSON that cannot be read are an error beside them, and nothing is sent", async () => {
    const { calls } = openPage(EDIT);
    await screen.findByText("1,240");
    const [field] = screen.getAllByLabelText(t.editor.builder.fields.title);
    await userEvent.selectOptions(field as HTMLElement, t.editor.jsonField);
    const text = await screen.findByLabelText(t.editor.jsonRule);
    const before = calls.length;
    fireEvent.change(text, { target: { value: "{" } });
    expect(await screen.findByText(/JSON at position/)).toBeVisible();
    expect(screen.getByRole("button", { name: t.editor.save })).toBeDisabled();
    expect(calls.slice(before).filter(isPreview)).toHaveLength(0);
  });

  test("can include contacts without a value", async () => {
    const { calls } = openPage(EDIT, (call) => (isPreview(call) ? preview(3) : undefined));
    const user = userEvent.setup();
    await user.click((await screen.findAllByText(t.editor.options))[1] as HTMLElement);
    await user.selectOptions(screen.getAllByLabelText(t.editor.missing)[1] as HTMLElement, "include");
    await waitFor(() => expect(lastPreview(calls)).toMatchObject({ rules: [{}, { missing: "include" }] }));
  });
});
