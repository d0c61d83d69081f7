import type { RunSegment } from "@segbatch/client";
import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { time } from "../format";
import { t } from "../texts";
import { sampleAnswers } from "./sample";
import { type Call, expectAccessible, openPage, problem, SAVED } from "./server";

const ID = "pro-plan-users";
const IN_RUN = sampleAnswers[`/api/v1/runs/current/segments/${ID}`] as RunSegment;
const DEFINITION = IN_RUN.definition as { name: string; rules: object[] };
const RUN = time(IN_RUN.runs.at(-1)?.as_of ?? "");
const isSaved = ({ path }: Call) => path === `/api/v1/contacts/segments/${ID}`;
const saving = (changes: object) => (call: Call) =>
  isSaved(call) ? Response.json({ ...SAVED, ...DEFINITION, id: ID, ...changes }) : undefined;

describe("the page of a segment", () => {
  test("that is saved as in the last run has no notice", async () => {
    openPage(`#/segments/${ID}`);
    await screen.findByRole("heading", { level: 1, name: DEFINITION.name });
    await screen.findByRole("heading", { name: t.segment.members });
    expect(screen.queryByText(/^Saved after the last run/)).toBeNull();
  });

  test("that was saved later has its new name and rules, and says what is of the run", async () => {
    const rules = [{ field: "city", operator: "eq", value: "Berlin" }];
    openPage(`#/segments/${ID}`, saving({ name: "New name", description: "New words", rules }));
    await screen.findByRole("heading", { level: 1, name: "New name" });
    expect(screen.getByText("New words")).toBeVisible();
    const { name, description, rules: changed } = t.editor.keys;
    expect(await screen.findByText(t.segment.savedLater([name, description, changed], RUN))).toBeVisible();
    await userEvent.click(screen.getByText(t.segment.ofMembers));
    expect(screen.getByLabelText(t.segment.ofMembers)).toHaveTextContent("custom_fields.plan");
    await userEvent.click(screen.getByText(t.segment.json));
    expect(screen.getByLabelText(t.segment.json)).toHaveTextContent("Berlin");
    expect(screen.getByLabelText(t.segment.json)).not.toHaveTextContent("etag");
    await expectAccessible();
  });

  test("that was held back says that its members are of an earlier definition, not that it was saved later", async () => {
    const id = "large-accounts-at-risk";
    openPage(`#/segments/${id}`, ({ path }) =>
      path === `/api/v1/contacts/segments/${id}` ? Response.json({ ...SAVED, id, name: "Held" }) : undefined,
    );
    await screen.findByRole("heading", { level: 1, name: "Held" });
    expect(await screen.findByText(/^The last run kept members of an earlier definition/)).toBeVisible();
    expect(screen.queryByText(/^Saved after the last run/)).toBeNull();
  });

  test("that no run has evaluated has its saved name", async () => {
    openPage(`#/segments/${SAVED.id}`, ({ path }) =>
      path.endsWith("/explanation")
        ? Response.json({ ...(sampleAnswers[`/api/v1/contacts/segments/${ID}/explanation`] as object) })
        : undefined,
    );
    await screen.findByRole("heading", { level: 1, name: SAVED.name });
    expect(await screen.findByText(t.segment.notRun)).toBeVisible();
  });

  test("that was deleted after the run cannot be edited, and has the rules of the run", async () => {
    openPage(`#/segments/${ID}`, (call) =>
      isSaved(call) || call.path.includes(`/segments/${ID}/explanation`) ? problem(404, "not-found") : undefined,
    );
    expect(await screen.findByText(t.segment.deleted(RUN))).toBeVisible();
    expect(screen.getByLabelText(t.segment.ofMembers)).toHaveTextContent("custom_fields.plan");
    expect(screen.queryByRole("link", { name: t.segment.edit })).toBeNull();
    expect(screen.queryByText(t.problem.notFound)).toBeNull();
  });
});
