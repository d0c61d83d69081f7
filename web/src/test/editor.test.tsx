import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { t } from "../texts";
import { type Call, expectAccessible, openPage, preview, problem, SAVED } from "./server";

const EDIT = `#/segments/${SAVED.id}/edit`;
const isPreview = ({ path }: Call) => path.endsWith("/preview");
const isSave = ({ method, path }: Call) => method === "PATCH" && path.endsWith(SAVED.id);
const saveButton = () => screen.getByRole("button", { name: t.editor.save });
const chooseField = async (name: string, index = 0) =>
  userEvent.selectOptions((await screen.findAllByLabelText(t.editor.builder.fields.title))[index] as HTMLElement, name);
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
    await expectAccessible();
    expect(calls.filter(isPreview)).toHaveLength(0);
  });
});

test("the editor has the name of the segment in the title of the tab", async () => {
  openPage(EDIT);
  await waitFor(() => expect(document.title).toBe(t.title(t.editor.title(SAVED.name))));
});

describe("saving", () => {
  test("sends only what changed, if the segment is still the same", async () => {
    const { calls } = openPage(EDIT, (call) => (isSave(call) ? Response.json({ ...SAVED, name: "New" }) : undefined));
    const user = userEvent.setup();
    const name = await screen.findByLabelText(t.editor.keys.name);
    expect(saveButton()).toHaveAccessibleDescription(t.editor.nothingChanged);
    await user.click(saveButton());
    expect(calls.filter(isSave)).toHaveLength(0);
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

  test("does nothing without a name, says why, and leads to the name", async () => {
    const { calls } = openPage(EDIT);
    const user = userEvent.setup();
    const name = await screen.findByLabelText(t.editor.keys.name);
    await user.clear(name);
    await user.type(name, " ");
    expect(saveButton()).toHaveAttribute("aria-disabled", "true");
    expect(saveButton()).toHaveAccessibleDescription(t.editor.nameFirst);
    expect(screen.getByText(t.editor.nameFirst).parentElement).toHaveAttribute("role", "status");
    await user.click(saveButton());
    expect(name).toHaveFocus();
    expect(calls.filter(isSave)).toHaveLength(0);
    await expectAccessible();
  });

  test("says the reason again each time that Save is pressed", async () => {
    openPage(EDIT);
    const user = userEvent.setup();
    await user.clear(await screen.findByLabelText(t.editor.keys.name));
    const reason = () => screen.getByText(t.editor.nameFirst);
    const status = reason().parentElement;
    const shown = [reason()];
    for (const _ of ["once", "twice"]) {
      await user.click(saveButton());
      shown.push(reason());
      expect(reason().parentElement).toBe(status);
    }
    expect(new Set(shown).size).toBe(3);
  });

  test("counts the characters of the name as the server does", async () => {
    const { calls } = openPage(EDIT);
    const name = await screen.findByLabelText(t.editor.keys.name);
    const emojis = "\u{1F600}".repeat(200);
    await userEvent.clear(name);
    await userEvent.click(name);
    await userEvent.paste(emojis);
    expect(name).toHaveValue(emojis);
    expect(saveButton()).toHaveAttribute("aria-disabled", "false");
    await userEvent.paste("!");
    expect(saveButton()).toHaveAccessibleDescription(t.editor.nameTooLong(201, 200));
    await userEvent.click(saveButton());
    expect(name).toHaveFocus();
    expect(calls.filter(isSave)).toHaveLength(0);
  });

  test("after the session ended asks for the key and keeps what was typed", async () => {
    let hasEnded = true;
    openPage(EDIT, (call) => {
      if (call.path === "/session" && call.method === "POST") hasEnded = false;
      if (call.path === "/session") return undefined;
      if (hasEnded && (isSave(call) || isPreview(call))) return problem(401, "unauthorized", { detail: "no key" });
      return isSave(call) ? Response.json(SAVED) : undefined;
    });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "!");
    await user.click(screen.getByRole("button", { name: t.editor.save }));
    await user.type(await screen.findByLabelText(t.signIn.key), "key{Enter}");
    await waitFor(() => expect(screen.queryByLabelText(t.signIn.key)).toBeNull());
    expect(screen.getByLabelText(t.editor.keys.name)).toHaveValue("Upsell to Pro!");
    expect(screen.getByText(t.editor.signedInAgain)).toBeVisible();
    expect(await screen.findByText("1,240")).toBeVisible();
    expect(screen.queryByText("no key")).toBeNull();
    await user.click(saveButton());
    await waitFor(() => expect(window.location.hash).toBe(`#/segments/${SAVED.id}`));
  });

  test("creates a new segment without keys that are empty", async () => {
    const { calls } = openPage("#/new", ({ method, path }) =>
      method === "POST" && path.endsWith("/segments")
        ? Response.json({ ...SAVED, id: "new-id" }, { status: 201 })
        : undefined,
    );
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "Active");
    await chooseField("status");
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

describe("another writer who saved meanwhile", () => {
  /** Type a name and an owner, while they change the segment; then save, which is a conflict. */
  async function openConflict(theirs: object) {
    let current: object = SAVED;
    const { calls } = openPage(EDIT, (call) => {
      const isGet = call.method === "GET" && call.path.endsWith(`/contacts/segments/${SAVED.id}`);
      const etag = current === SAVED ? '"1"' : '"2"';
      if (isGet) return Response.json(current, { headers: { ETag: etag } });
      if (!isSave(call)) return undefined;
      return call.headers["If-Match"] === etag ? Response.json(SAVED) : problem(412, "changed-meanwhile");
    });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "!");
    await user.type(screen.getByLabelText(t.editor.keys.owner), "me");
    current = { ...SAVED, ...theirs };
    await user.click(saveButton());
    await screen.findByRole("button", { name: t.editor.merge });
    return { user, calls };
  }

  const choices = (key: string) => within(screen.getByRole("group", { name: key })).getAllByRole("radio");
  const lastSave = async (calls: Call[]) => {
    await userEvent.click(saveButton());
    await waitFor(() => expect(calls.filter(isSave)).toHaveLength(2));
    return calls.filter(isSave)[1];
  };

  test("keeps the parts that only they changed, and Save sends only mine", async () => {
    const { user, calls } = await openConflict({ description: "Theirs", rules: SAVED.rules.slice(0, 1) });
    expect(screen.getByText(t.editor.onlyTheirs(t.editor.keys.description))).toBeVisible();
    for (const key of [t.editor.keys.name, t.editor.keys.owner]) {
      expect(screen.getByText(t.editor.onlyMine(key))).toBeVisible();
    }
    expect(screen.getByText("Upsell to Pro!")).toBeVisible();
    expect(screen.getByText("seats is at least 8")).toBeVisible();
    expect(screen.queryByRole("radio")).toBeNull();
    expect(saveButton()).toHaveAccessibleDescription(t.editor.conflictFirst);
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: t.editor.merge }));
    expect(screen.getByLabelText(t.editor.keys.description)).toHaveValue("Theirs");
    expect(screen.getAllByLabelText(t.editor.builder.fields.title)).toHaveLength(1);
    expect(saveButton()).toHaveFocus();
    expect(calls.filter(isSave)).toHaveLength(1);
    expect(await lastSave(calls)).toMatchObject({
      body: { name: "Upsell to Pro!", owner: "me" },
      headers: { "If-Match": '"2"' },
    });
  });

  test("and I both changed a part: both versions are shown, and one is chosen for each", async () => {
    const { user, calls } = await openConflict({ name: "Theirs", owner: "them" });
    expect(screen.getByText("Upsell to Pro!")).toBeVisible();
    expect(screen.getByText("Theirs")).toBeVisible();
    const merge = screen.getByRole("button", { name: t.editor.merge });
    const { name, owner } = t.editor.keys;
    for (const radio of [...choices(name), ...choices(owner)]) expect(radio).not.toBeChecked();
    expect(merge).toHaveAttribute("aria-disabled", "true");
    expect(merge).toHaveAccessibleDescription(t.editor.mergeFirst([name, owner]));
    await user.click(choices(name)[1] as HTMLElement);
    const reason = screen.getByText(t.editor.mergeFirst([owner]));
    await user.click(merge);
    expect(choices(owner)[0]).toHaveFocus();
    expect(screen.getByText(t.editor.mergeFirst([owner]))).not.toBe(reason);
    expect(screen.getByText(t.editor.conflict)).toBeVisible();
    await user.click(choices(owner)[0] as HTMLElement);
    expect(merge).toHaveAttribute("aria-disabled", "false");
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: t.editor.merge }));
    expect((await lastSave(calls))?.body).toEqual({ owner: "me" });
  });

  test("and I both changed parts: one version is chosen for all", async () => {
    const { user } = await openConflict({ name: "Theirs", owner: "them" });
    await user.click(screen.getByRole("button", { name: t.editor.allTheirs }));
    for (const key of [t.editor.keys.name, t.editor.keys.owner]) expect(choices(key)[1]).toBeChecked();
    await user.click(screen.getByRole("button", { name: t.editor.allMine }));
    for (const key of [t.editor.keys.name, t.editor.keys.owner]) expect(choices(key)[0]).toBeChecked();
    await user.click(screen.getByRole("button", { name: t.editor.allTheirs }));
    await user.click(screen.getByRole("button", { name: t.editor.merge }));
    expect(screen.getByLabelText(t.editor.keys.name)).toHaveValue("Theirs");
    expect(saveButton()).toHaveAccessibleDescription(t.editor.nothingChanged);
  });

  test("and I both changed the rules: they are shown in words", async () => {
    let current: object = SAVED;
    openPage(EDIT, (call) => {
      const isGet = call.method === "GET" && call.path.endsWith(`/contacts/segments/${SAVED.id}`);
      if (isGet) return Response.json(current, { headers: { ETag: current === SAVED ? '"1"' : '"2"' } });
      return isSave(call) ? problem(412, "changed-meanwhile") : undefined;
    });
    const user = userEvent.setup();
    await user.clear(await value());
    await user.type(await value(), "team");
    const group = {
      match: "none",
      rules: [
        { operator: "in_segment", value: SAVED.id },
        { table: "t", operator: "x" },
      ],
    };
    current = { ...SAVED, match: "any", rules: [...SAVED.rules, group] };
    await user.click(saveButton());
    const versions = within(await screen.findByRole("group", { name: t.editor.keys.rules }));
    expect(versions.getByText("custom_fields.plan is “team”")).toBeVisible();
    expect(versions.getByText("custom_fields.plan is “starter”")).toBeVisible();
    expect(versions.getByText(t.match.any)).toBeVisible();
    expect(versions.getByText(`in segment “${SAVED.name}”`)).toBeVisible();
    expect(versions.getByText('{"table":"t","operator":"x"}')).toBeVisible();
    for (const json of versions.getAllByText(t.segment.json)) await user.click(json);
    const { rules } = t.editor.keys;
    for (const name of [t.editor.mine, t.editor.theirs]) {
      expect(versions.getByLabelText(t.editor.versionAsJson(rules, name))).toHaveAttribute("tabindex", "0");
    }
    await expectAccessible();
  });

  test("wins if I drop my changes", async () => {
    const { user } = await openConflict({ description: "Theirs" });
    await user.click(screen.getByRole("button", { name: t.editor.dropMine }));
    expect(screen.getByLabelText(t.editor.keys.name)).toHaveValue(SAVED.name);
    expect(screen.getByLabelText(t.editor.keys.description)).toHaveValue("Theirs");
    expect(saveButton()).toHaveAccessibleDescription(t.editor.nothingChanged);
  });
});

describe("a segment that was deleted meanwhile", () => {
  const isCreate = ({ method, path }: Call) => method === "POST" && path.endsWith("/contacts/segments");
  const isOfSaved = ({ path }: Call) => path.endsWith(`/contacts/segments/${SAVED.id}`);
  const created = () => Response.json({ ...SAVED, id: "new-id" }, { status: 201 });

  test("is saved as a new one, with what was typed", async () => {
    const { calls } = openPage(EDIT, (call) =>
      isSave(call) ? problem(404, "not-found") : isCreate(call) ? created() : undefined,
    );
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "!");
    await user.click(saveButton());
    const again = await screen.findByRole("button", { name: t.editor.saveAsNew });
    expect(saveButton()).toHaveAccessibleDescription(t.editor.goneFirst);
    await expectAccessible();
    await user.clear(screen.getByLabelText(t.editor.keys.name));
    await user.click(again);
    expect(calls.filter(isCreate)).toHaveLength(0);
    await user.type(screen.getByLabelText(t.editor.keys.name), "Again");
    await user.click(again);
    await waitFor(() => expect(window.location.hash).toBe("#/segments/new-id"));
    const { description, project_id, rules } = SAVED;
    expect(calls.find(isCreate)?.body).toEqual({ name: "Again", description, project_id, rules, match: "all" });
    expect(window.sessionStorage).toHaveLength(0);
  });

  test("is found when the versions are compared", async () => {
    let isDeleted = false;
    openPage(EDIT, (call) => {
      if (isSave(call)) return problem(412, "changed-meanwhile");
      return isDeleted && isOfSaved(call) ? problem(404, "not-found") : undefined;
    });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "!");
    isDeleted = true;
    await user.click(saveButton());
    expect(await screen.findByText(t.editor.gone)).toBeVisible();
    expect(screen.queryByText(t.editor.conflict)).toBeNull();
  });

  test("is not lost when the page is loaded again", async () => {
    const page = openPage(EDIT);
    await userEvent.type(await screen.findByLabelText(t.editor.keys.name), "!");
    page.unmount();
    openPage(EDIT, (call) => (isOfSaved(call) ? problem(404, "not-found") : undefined));
    expect(await screen.findByText(t.editor.gone)).toBeVisible();
    expect(screen.getByLabelText(t.editor.keys.name)).toHaveValue("Upsell to Pro!");
  });

  test("is only reported if nothing was typed", async () => {
    openPage(EDIT, (call) => (isOfSaved(call) ? problem(404, "not-found") : undefined));
    expect(await screen.findByText(t.problem.notFound)).toBeVisible();
  });
});

describe("a server without contacts", () => {
  const isFields = ({ path }: Call) => path === "/api/v1/fields";
  const isCreate = ({ method, path }: Call) => method === "POST" && path.endsWith("/contacts/segments");
  const nothing = (call: Call) =>
    isFields(call)
      ? problem(409, "nothing-published")
      : isCreate(call)
        ? Response.json({ ...SAVED, id: "new-id" }, { status: 201 })
        : undefined;

  test("gives no choice of fields, so their names are typed", async () => {
    const { calls } = openPage("#/new", nothing);
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "Berlin");
    expect(screen.getByText(t.editor.noContacts)).toBeVisible();
    expect(saveButton()).toHaveAccessibleDescription(t.editor.fieldFirst);
    await user.click(saveButton());
    expect(screen.getByLabelText(t.editor.builder.fields.title)).toHaveFocus();
    expect(calls.filter(isCreate)).toHaveLength(0);
    await user.type(await value(), "x");
    await user.type(screen.getByLabelText(t.editor.builder.fields.title), "city");
    expect(await value()).toHaveValue("x");
    await expectAccessible();
    await user.click(saveButton());
    await waitFor(() => expect(window.location.hash).toBe("#/segments/new-id"));
    expect(calls.find(isCreate)?.body).toMatchObject({ rules: [{ field: "city", operator: "eq", value: "x" }] });
  });

  test("still has rules on segments and samples, and rules as JSON", async () => {
    openPage("#/new", nothing);
    const kind = await screen.findByLabelText(t.editor.kind);
    await userEvent.selectOptions(kind, t.editor.segmentField);
    expect(screen.queryByLabelText(t.editor.builder.fields.title)).toBeNull();
    await userEvent.selectOptions(screen.getByLabelText(t.columns.segment), SAVED.name);
    await userEvent.selectOptions(screen.getByLabelText(t.editor.kind), t.editor.jsonField);
    expect(screen.getByLabelText(t.editor.jsonRule)).toHaveValue(t.editor.jsonExample);
    await userEvent.selectOptions(screen.getByLabelText(t.editor.kind), t.editor.typedField);
    expect(screen.getByLabelText(t.editor.builder.fields.title)).toHaveValue("");
  });
});

describe("rules", () => {
  const lastPreview = (calls: Call[]) => calls.filter(isPreview).at(-1)?.body;

  test("begin without a field: nothing is counted or saved until one is chosen", async () => {
    const { calls } = openPage("#/new");
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.editor.keys.name), "Only a name");
    const field = screen.getByLabelText(t.editor.builder.fields.title);
    expect(field).toHaveDisplayValue(t.editor.chooseField);
    expect(field).toHaveAttribute("aria-invalid", "false");
    expect(screen.queryByLabelText(t.editor.builder.operators.title)).toBeNull();
    expect(screen.getByText(t.editor.countFieldFirst)).toBeVisible();
    expect(saveButton()).toHaveAccessibleDescription(t.editor.fieldFirst);
    await user.click(saveButton());
    expect(field).toHaveFocus();
    expect(field).toHaveAttribute("aria-invalid", "true");
    await expectAccessible();
    await chooseField("status");
    expect(screen.queryByRole("option", { name: t.editor.chooseField })).toBeNull();
    expect(await screen.findByText(t.editor.emptyText)).toBeVisible();
    await user.type(await value(), "active");
    expect(screen.queryByText(t.editor.emptyText)).toBeNull();
    expect(await screen.findByText("1,240")).toBeVisible();
    expect(calls.filter(({ method, path }) => method === "POST" && path.endsWith("/segments"))).toHaveLength(0);
    expect(lastPreview(calls)).toMatchObject({ rules: [{ field: "status", operator: "eq", value: "active" }] });
  });

  test.each([
    ["a rule", t.editor.builder.addRule.title],
    ["a group", t.editor.builder.addGroup.title],
  ])("of %s that is added begin without a field", async (_, add) => {
    const { calls } = openPage(EDIT);
    expect(await screen.findByText("1,240")).toBeVisible();
    const before = calls.filter(isPreview).length;
    await userEvent.click(screen.getByTitle(add));
    expect(screen.getAllByLabelText(t.editor.builder.fields.title)[2]).toHaveDisplayValue(t.editor.chooseField);
    expect(saveButton()).toHaveAccessibleDescription(t.editor.fieldFirst);
    await userEvent.click(saveButton());
    expect(calls.filter(isSave)).toHaveLength(0);
    await chooseField("unsubscribed", 2);
    await waitFor(() => expect(calls.filter(isPreview)).toHaveLength(before + 1));
  });

  test("that compare two fields begin without the other one", async () => {
    openPage(EDIT);
    const user = userEvent.setup();
    await user.click((await screen.findAllByText(t.editor.options))[0] as HTMLElement);
    await user.click(screen.getAllByLabelText(t.editor.compareField)[0] as HTMLElement);
    expect(screen.getByLabelText(t.editor.otherField)).toHaveDisplayValue(t.editor.chooseField);
    expect(saveButton()).toHaveAccessibleDescription(t.editor.fieldFirst);
    await user.selectOptions(screen.getByLabelText(t.editor.otherField), "status");
    expect(saveButton()).toHaveAttribute("aria-disabled", "false");
  });

  test("are changed: another operator fits the value, groups and rules are added and removed", async () => {
    const { calls } = openPage(EDIT);
    const user = userEvent.setup();
    const [operator] = await screen.findAllByLabelText(t.editor.builder.operators.title);
    await user.selectOptions(operator as HTMLElement, "in");
    await user.type(await screen.findByLabelText(t.editor.addValue), "team{Enter}");
    await user.click(screen.getAllByTitle(t.editor.builder.removeRule.title)[1] as HTMLElement);
    await user.click(screen.getByTitle(t.editor.builder.addGroup.title));
    await user.selectOptions(screen.getAllByLabelText(t.editor.builder.combinators.title)[1] as HTMLElement, "none");
    await chooseField("status", 1);
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
    expect(saveButton()).toHaveAccessibleDescription(t.editor.errorsFirst);
    await userEvent.click(saveButton());
    expect(text).toHaveFocus();
    expect(calls.filter(isSave)).toHaveLength(0);
    expect(calls.slice(before).filter(isPreview)).toHaveLength(0);
  });

  test("on related tables are JSON, with the fields of the tables beside them", async () => {
    openPage(EDIT);
    expect(await screen.findByText(t.editor.tablesHelp)).toBeVisible();
    const [field] = screen.getAllByLabelText(t.editor.builder.fields.title);
    await userEvent.selectOptions(field as HTMLElement, t.editor.jsonField);
    await userEvent.click(await screen.findByText(t.editor.tables));
    expect(screen.getByText("amount (double)")).toBeVisible();
    await expectAccessible();
  });

  test("can include contacts without a value", async () => {
    const { calls } = openPage(EDIT, (call) => (isPreview(call) ? preview(3) : undefined));
    const user = userEvent.setup();
    await user.click((await screen.findAllByText(t.editor.options))[1] as HTMLElement);
    await user.selectOptions(screen.getAllByLabelText(t.editor.missing)[1] as HTMLElement, "include");
    await waitFor(() => expect(lastPreview(calls)).toMatchObject({ rules: [{}, { missing: "include" }] }));
  });
});
