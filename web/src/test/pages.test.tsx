import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { openSource } from "../data/source";
import { Root } from "../root";
import { t } from "../texts";
import { sampleAnswers, sampleReport } from "./sample";
import { expectAccessible, openPage, problem, SAVED, SESSION } from "./server";

const names = () =>
  within(screen.getByRole("table", { name: t.segments }))
    .getAllByRole("rowheader")
    .map((cell) => within(cell).getByRole("link").textContent);

describe("segments", () => {
  test("that failed or were held back come first, then the largest", async () => {
    openPage("#/segments");
    await screen.findByRole("table", { name: t.segments });
    expect(names().slice(0, 4)).toEqual([
      "Launch Day Sign-ups",
      "Large Accounts at Risk",
      "Newsletter Subscribers",
      "Paying Customers",
    ]);
    expect(screen.getByText(t.attention(1, 1))).toBeVisible();
    await expectAccessible();
  });

  test("are searched and filtered, and the address keeps the filters", async () => {
    openPage("#/segments");
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.filters.search), "PLAN");
    expect(names()).toEqual(["Pro Plan Users", "Enterprise Users"]);
    await user.selectOptions(screen.getByLabelText(t.filters.owner), "success");
    expect(names()).toEqual(["Enterprise Users"]);
    expect(window.location.hash).toBe("#/segments?q=PLAN&owner=success");
    await user.type(screen.getByLabelText(t.filters.search), " nothing");
    await user.click(screen.getByRole("button", { name: t.filters.clear }));
    expect(names()).toHaveLength(10);
  });

  test("are sorted by a column", async () => {
    openPage("#/segments");
    await userEvent.click(await screen.findByRole("button", { name: t.columns.size }));
    expect(names()[0]).toBe("Newsletter Subscribers");
    expect(screen.getByRole("columnheader", { name: new RegExp(t.columns.size) })).toHaveAttribute(
      "aria-sort",
      "descending",
    );
  });

  test("that were saved after the last run are listed above", async () => {
    openPage("#/segments", ({ path }) =>
      path === "/api/v1/contacts/segments"
        ? Response.json([
            { ...SAVED, id: "paying-customers" },
            { ...SAVED, id: "b", name: "Later B" },
            { ...SAVED, id: "a", name: "Later A" },
          ])
        : undefined,
    );
    const later = await screen.findByRole("region", { name: t.createdLater(2) });
    expect(
      within(later)
        .getAllByRole("link")
        .map((link) => [link.textContent, link.getAttribute("href")]),
    ).toEqual([
      ["Later A", "#/segments/a"],
      ["Later B", "#/segments/b"],
    ]);
    await expectAccessible();
  });

  test("are listed before the first run, and at most twenty of them", async () => {
    openPage("#/segments", ({ path }) => {
      if (path.startsWith("/api/v1/runs/")) return problem(404, "nothing-published");
      if (path !== "/api/v1/contacts/segments") return undefined;
      return Response.json(
        Array.from({ length: 23 }, (_, number) => ({ ...SAVED, id: `s-${number}`, name: `Later ${number}` })),
      );
    });
    const later = await screen.findByRole("region", { name: t.notYetRun(23) });
    expect(within(later).getAllByRole("link")).toHaveLength(20);
    expect(within(later).getByText(t.andMore(3))).toBeVisible();
    expect(screen.getByText(t.noRunCommand)).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
    expect(screen.queryByRole("table")).toBeNull();
    await userEvent.type(screen.getByLabelText(t.filters.search), "s-22");
    expect(screen.getByRole("link", { name: "Later 22" })).toBeVisible();
    expect(screen.getByRole("region", { name: t.notYetRun(1) })).toBeVisible();
    await userEvent.type(screen.getByLabelText(t.filters.search), "x");
    expect(screen.getByText(t.filters.none)).toBeVisible();
  });

  test("that were saved after the last run are searched with the others", async () => {
    openPage("#/segments", ({ path }) => {
      const later = { ...SAVED, id: "later", name: "Later", tags: ["spring"], owner: "growth" };
      return path === "/api/v1/contacts/segments" ? Response.json([later]) : undefined;
    });
    const user = userEvent.setup();
    await screen.findByRole("link", { name: "Later" });
    expect(screen.getByText(t.filters.shown(11, 11))).toBeVisible();
    await user.type(screen.getByLabelText(t.filters.search), "spring");
    expect(screen.getByRole("link", { name: "Later" })).toBeVisible();
    expect(screen.getByText(t.filters.shown(2, 11))).toBeVisible();
    await user.type(screen.getByLabelText(t.filters.search), " later");
    expect(screen.getByText(t.filters.onlyLater)).toBeVisible();
    expect(screen.queryByText(t.filters.none)).toBeNull();
    await user.clear(screen.getByLabelText(t.filters.search));
    await user.selectOptions(screen.getByLabelText(t.filters.status), "ok");
    expect(screen.queryByRole("link", { name: "Later" })).toBeNull();
  });

  test.each(["#/segments", "#/runs/current", "#/overlap"])(
    "without a run, %s has a command instead of a problem",
    async (place) => {
      openPage(place, ({ path }) => {
        if (path.startsWith("/api/v1/runs/current")) return problem(409, "nothing-published");
        return path === "/api/v1/contacts/segments" ? Response.json([]) : undefined;
      });
      expect(await screen.findByText(t.noRunCommand)).toBeVisible();
      expect(screen.queryByRole("alert")).toBeNull();
      await expectAccessible();
    },
  );

  test("of a report are those of its run", async () => {
    window.location.hash = "#/segments";
    render(<Root source={await openSource(JSON.stringify(sampleReport), fetch)} />);
    await screen.findByRole("table", { name: t.segments });
    expect(screen.queryByRole("region", { name: /since the last run/ })).toBeNull();
  });

  test("of several pages of the API are shown together", async () => {
    openPage("#/segments", ({ path }) => {
      if (!path.startsWith("/api/v1/runs/current/segments")) return undefined;
      const row = {
        project_id: null,
        owner: null,
        tags: [],
        status: "ok",
        member_count: 1,
        entered: null,
        left: null,
        sizes: [1],
      };
      const isFirst = !path.includes("cursor");
      return Response.json({
        run_id: "r",
        history: [],
        segments: [{ ...row, id: isFirst ? "a" : "b", name: null }],
        next_cursor: isFirst ? "next" : null,
      });
    });
    await screen.findByRole("table", { name: t.segments });
    expect(names()).toEqual(["a", "b"]);
  });
});

describe("a segment", () => {
  test("shows rules, overlap, members, runs and references", async () => {
    openPage("#/segments/paying-customers");
    expect(await screen.findByRole("heading", { level: 1, name: "Paying Customers" })).toBeVisible();
    expect((await screen.findAllByText("status is “active”"))[0]).toBeVisible();
    expect(
      within(await screen.findByRole("table", { name: t.segment.overlap })).getAllByRole("row").length,
    ).toBeGreaterThan(2);
    expect(await screen.findByRole("link", { name: "contact-1" })).toHaveAttribute("href", "#/contact/contact-1");
    const runs = within(screen.getByRole("table", { name: t.segment.runs }));
    expect(runs.getAllByRole("row")).toHaveLength(31);
    expect(runs.getByText("20251101T020000Z-5f3a10")).toBeVisible();
    const references = within(screen.getByRole("region", { name: t.segment.references }));
    expect(references.getByRole("link", { name: "Large Accounts at Risk" })).toHaveAttribute(
      "title",
      "large-accounts-at-risk",
    );
    await expectAccessible();
  });

  test("has its name in the title of the tab, and so has a run its time", async () => {
    openPage("#/segments/paying-customers");
    await waitFor(() => expect(document.title).toBe(t.title("Paying Customers")));
    window.location.hash = "#/runs/current";
    await waitFor(() => expect(document.title).toMatch(/^Run of 30 Nov 2025/));
    window.location.hash = "#/segments";
    await waitFor(() => expect(document.title).toBe(t.title(t.segments)));
  });

  test("without a run is shown as it is saved", async () => {
    openPage("#/segments/us-west-coast", ({ path }) =>
      path.startsWith("/api/v1/runs/current/") ? problem(409, "nothing-published") : undefined,
    );
    expect(await screen.findByText(t.segment.noRun)).toBeVisible();
  });

  test("that was held back says why", async () => {
    openPage("#/segments/large-accounts-at-risk");
    expect(await screen.findByText(/exceeds max_change 30%/)).toBeVisible();
  });

  test("that no run has evaluated is shown as it is saved", async () => {
    openPage("#/segments/us-west-coast", ({ path }) =>
      path.startsWith("/api/v1/runs/current/segments/us") ? problem(404, "not-found") : undefined,
    );
    expect(await screen.findByText(t.segment.notRun)).toBeVisible();
    expect((await screen.findAllByText("status is “active”"))[0]).toBeVisible();
  });

  test("says why there is no SQL, and shows the rules without contacts", async () => {
    const reason = "the contacts of the last run are gone";
    openPage("#/segments/us-west-coast", ({ path }) => {
      if (!path.endsWith("/explanation")) return undefined;
      const without = { sql: null, no_sql: reason, no_contacts: reason, funnel: null, contacts: null };
      return Response.json({ ...(sampleAnswers[path] as object), ...without });
    });
    expect(await screen.findByText(t.segment.noContacts(reason))).toBeVisible();
    expect((await screen.findAllByText("status is “active”"))[0]).toBeVisible();
    await userEvent.click(screen.getByText(t.segment.sql));
    expect(screen.getByText(t.segment.noSql(reason))).toBeVisible();
    expect(screen.queryByRole("button", { name: t.segment.funnelAsk })).toBeNull();
  });

  test("shows what each rule keeps, in the words of the rules", async () => {
    openPage("#/segments/us-west-coast", ({ path }) => {
      const answer = sampleAnswers[path.split("?")[0] ?? ""];
      const isPlain = path.endsWith("/explanation");
      return isPlain ? Response.json({ ...(answer as object), funnel: null, contacts: null }) : undefined;
    });
    await userEvent.click(await screen.findByRole("button", { name: t.segment.funnelAsk }));
    const rows = within(await screen.findByRole("table", { name: t.segment.funnel })).getAllByRole("rowheader");
    expect(rows.map((row) => row.textContent)).toEqual([
      "custom_fields.plan is “pro”",
      t.match.any,
      "status is “active”",
      "last_contacted_at is within the last 90d",
    ]);
  });

  test.each(["failed", "held"] as const)(
    "that was %s and never had members does not say that it kept some",
    async (status) => {
      openPage("#/segments/unreachable", ({ path }) => {
        if (!path.startsWith("/api/v1/runs/current/segments/unreachable")) return undefined;
        return Response.json({ ...(sampleAnswers[path.split("?")[0] ?? ""] as object), status });
      });
      expect(await screen.findByText(t.statusHelp[status](0))).toBeVisible();
      expect(screen.queryByText(/kept its previous members/)).toBeNull();
    },
  );

  test("that does not exist is an error", async () => {
    openPage("#/segments/unknown");
    expect(await screen.findByText(t.problem.notFound)).toBeVisible();
  });
});

describe("members", () => {
  const members = "/api/v1/contacts/segments/us-west-coast/members";
  const withFields = (fields: string[]) => (path: string) => {
    if (!path.startsWith(`${members}/fields`)) return undefined;
    const found = [
      { id: "c 1", values: { status: "active", seats: null } },
      { id: "c 2", values: null },
    ];
    const page = { ...(sampleAnswers[members] as object), fields, members: found, next_cursor: "next" };
    return Response.json(page);
  };

  test("are shown with chosen columns, which the tab keeps", async () => {
    const answer = withFields(["status", "seats"]);
    const { calls, unmount } = openPage("#/segments/us-west-coast", ({ path }) => answer(path));
    const user = userEvent.setup();
    await user.click(await screen.findByRole("button", { name: t.segment.chooseColumns }));
    const choice = await screen.findByLabelText(t.segment.addColumn);
    expect(within(choice).queryByRole("option", { name: "amount" })).toBeNull(); // of a related table
    await user.selectOptions(choice, "status");
    await user.selectOptions(await screen.findByLabelText(t.segment.addColumn), "seats");
    const table = await screen.findByRole("table", { name: t.segment.memberTable });
    expect(within(table).getByRole("row", { name: `c 1 active ${t.noValue}` })).toBeVisible();
    expect(within(table).getByRole("row", { name: `c 2 ${t.segment.goneContact}` })).toBeVisible();
    expect(within(table).getByRole("link", { name: "c 1" })).toHaveAttribute("href", "#/contact/c%201");
    await expectAccessible();
    await user.click(screen.getByRole("button", { name: t.next }));
    await waitFor(() =>
      expect(calls.at(-1)?.path).toBe(`${members}/fields?field=status&field=seats&cursor=next&limit=50`),
    );
    unmount();
    openPage("#/segments/us-west-coast", ({ path }) => answer(path));
    await user.click(await screen.findByRole("button", { name: t.segment.removeColumn("seats") }));
    await user.click(screen.getByRole("button", { name: t.segment.removeColumn("status") }));
    expect(await screen.findByRole("link", { name: "contact-1" })).toBeVisible();
  });

  test("of a server without contacts are ids, and no columns are offered", async () => {
    window.sessionStorage.setItem("segbatch.member-columns", '["status"]');
    const { calls } = openPage("#/segments/us-west-coast", ({ path }) =>
      path === "/session" ? Response.json({ ...SESSION, shows_fields: false }) : undefined,
    );
    expect(await screen.findByRole("link", { name: "contact-1" })).toBeVisible();
    expect(screen.queryByRole("button", { name: t.segment.chooseColumns })).toBeNull();
    expect(screen.queryByRole("button", { name: t.segment.removeColumn("status") })).toBeNull();
    expect(calls.some(({ path }) => path.startsWith(`${members}/fields`))).toBe(false);
  });

  test("can be shown again if a column is gone", async () => {
    window.sessionStorage.setItem("segbatch.member-columns", '["status"]');
    const detail = "the contacts have no field 'status'";
    openPage("#/segments/us-west-coast", ({ path }) =>
      path.startsWith(`${members}/fields`) ? problem(404, "no-field", { detail }) : undefined,
    );
    expect(await screen.findByText(detail)).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: t.segment.removeColumn("status") }));
    expect(await screen.findByRole("link", { name: "contact-1" })).toBeVisible();
  });
});

const COUNTRY = { field: "country", operator: "eq", value: "US" };

describe("other pages", () => {
  test("runs", async () => {
    openPage("#/runs");
    const table = await screen.findByRole("table", { name: t.runs });
    expect(screen.getByRole("group", { name: t.runs })).toHaveAttribute("tabindex", "0");
    expect(within(table).getAllByRole("row")).toHaveLength(31);
    expect(within(table).getByText(t.current)).toBeVisible();
    expect(within(table).getByText("20251101T020000Z-5f3a10")).toBeVisible();
    await expectAccessible();
  });

  test("a run", async () => {
    openPage("#/runs/current");
    expect(await screen.findByText(/did you mean 'created_at'/)).toBeVisible();
    expect(screen.getByRole("table", { name: t.run.movers })).toBeVisible();
    expect(screen.getByRole("heading", { name: t.run.redefined })).toBeVisible();
    for (const [id, name] of [
      ["launch-day-signups", "Launch Day Sign-ups"],
      ["large-accounts-at-risk", "Large Accounts at Risk"],
      ["enterprise-users", "Enterprise Users"],
    ] as const) {
      for (const link of screen.getAllByRole("link", { name })) expect(link).toHaveAttribute("title", id);
    }
    expect(screen.queryByRole("link", { name: "launch-day-signups" })).toBeNull();
    await expectAccessible();
  });

  test("overlap", async () => {
    openPage("#/overlap");
    const table = await screen.findByRole("table", { name: t.overlapPage.matrix });
    expect(within(table).getAllByRole("row")).toHaveLength(9);
    expect(screen.getByText("96.2%")).toBeVisible();
    const pairs = screen.getAllByRole("listitem").map((item) => item.textContent);
    expect(pairs).toEqual([
      "Paying Customers ≈ Newsletter Subscribers96.2%",
      "Pro Plan Users ⊂ Paying Customers",
      "Enterprise Users ⊂ Paying Customers",
    ]);
    await expectAccessible();
  });

  test("overlap keeps a name that is read from right to left apart", async () => {
    const name = "\u202eevil";
    openPage("#/overlap", ({ path }) => {
      if (!path.startsWith("/api/v1/runs/current/overlap")) return undefined;
      return Response.json({
        run_id: "r",
        segments: [
          { id: "a", name, member_count: 2 },
          { id: "b", name: "B", member_count: 1 },
        ],
        counts: [
          [2, 1],
          [1, 1],
        ],
        near_duplicates: [{ a: "a", b: "b", jaccard: 0.9 }],
        inside: [{ inner: "b", outer: "a" }],
        segment_names: { a: name, b: "B" },
      });
    });
    const links = await screen.findAllByText(name);
    expect(links.map((link) => link.tagName)).toEqual(["BDI", "BDI", "BDI", "BDI"]);
    expect(screen.getByTitle(t.overlapPage.cell("50%", name, "B", 1)).title).toContain(`of \u2068${name}\u2069 are`);
  });

  test("a contact, with the reason of a membership", async () => {
    openPage("#/contact", ({ path }) => {
      if (path.includes("/contacts/c%201")) {
        const segments = [{ id: "us-west-coast", name: "US West Coast", since: null }];
        return Response.json({ run_id: "r", contact_id: "c 1", segments, fields: { status: "active", phone: null } });
      }
      if (!path.includes("contact=c+1")) return undefined;
      const inside = {
        path: "$.rules[0]",
        rule: "country eq US",
        definition: COUNTRY,
        holds: true,
        why: "US equals US",
      };
      const reference = { operator: "in_segment", value: "us" };
      const outside = { path: "$.rules[0]", rule: "in_segment us", definition: reference, holds: true, why: "in 'us'" };
      const verdicts = [{ ...outside, parts: [{ ...inside, parts: [] }] }];
      const segment_names = { us: "All of the US" };
      return Response.json({ errors: [], segment_names, verdict: { contact_id: "c 1", member: true, verdicts } });
    });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.contactPage.id), "c 1{Enter}");
    await user.click(await screen.findByRole("button", { name: `${t.contactPage.why}: US West Coast` }));
    expect(await screen.findByText("US equals US")).toBeVisible();
    expect(screen.getByText(/in segment “All of the US”/)).toBeVisible();
    expect(screen.getByText(/country is “US”/)).toBeVisible();
    expect(screen.queryByText(/_segment| eq /)).toBeNull();
    expect(screen.getByRole("row", { name: "status active" })).toBeVisible();
    await expectAccessible();
  });

  test("a contact that the run does not have", async () => {
    openPage("#/contact/nobody");
    expect(await screen.findByText(t.contactPage.unknown("nobody"))).toBeVisible();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("a run that is not published says what the server says", async () => {
    openPage("#/runs/unknown", ({ path }) =>
      path === "/api/v1/runs/unknown" ? problem(404, "no-run", { detail: "there is no run 'unknown'" }) : undefined,
    );
    expect(await screen.findByText("there is no run 'unknown'")).toBeVisible();
  });

  test("an address that leads nowhere", async () => {
    openPage("#/nowhere");
    expect(await screen.findByRole("heading", { name: t.notFound })).toBeVisible();
  });
});

describe("a server", () => {
  test("that fails is asked again when the reader wants", async () => {
    let isDown = true;
    openPage("#/runs", ({ path }) => (isDown && path.startsWith("/api/v1/runs") ? problem(500, "fault") : undefined));
    expect(await screen.findByText(t.problem.fault)).toBeVisible();
    isDown = false;
    await userEvent.click(screen.getByRole("button", { name: t.retry }));
    expect(await screen.findByRole("table", { name: t.runs })).toBeVisible();
  });

  test("that cannot be reached is named", async () => {
    openPage("#/runs", () => Promise.reject(new TypeError("Failed to fetch")));
    expect(await screen.findByText(t.problem.unreachable)).toBeVisible();
  });
});

describe("sign-in", () => {
  const signedOut = { ...SESSION, signed_in: false, csrf_token: null };

  test("asks for a key, and says if it is wrong", async () => {
    const { calls } = openPage("#/segments", ({ method, path, body }) => {
      if (path !== "/session") return undefined;
      if (method === "GET") return Response.json(signedOut);
      return (body as { key: string }).key === "right" ? Response.json(SESSION) : problem(401, "unauthorized");
    });
    const user = userEvent.setup();
    await user.type(await screen.findByLabelText(t.signIn.key), "wrong{Enter}");
    expect(await screen.findByText(t.signIn.wrong)).toBeVisible();
    await expectAccessible();
    expect(calls.every(({ path }) => path === "/session")).toBe(true);
    await user.clear(screen.getByLabelText(t.signIn.key));
    await user.type(screen.getByLabelText(t.signIn.key), "right{Enter}");
    expect(await screen.findByRole("table", { name: t.segments })).toBeVisible();
    expect(window.sessionStorage).toHaveLength(0);
  });

  test("with a read-only key shows no buttons to edit", async () => {
    openPage("#/segments", ({ path }) =>
      path === "/session" ? Response.json({ ...SESSION, read_only: true }) : undefined,
    );
    await screen.findByRole("table", { name: t.segments });
    expect(screen.queryByRole("link", { name: t.newSegment })).toBeNull();
    window.location.hash = "#/segments/us-west-coast/edit";
    expect(await screen.findByText(t.editor.readOnly)).toBeVisible();
  });

  test("of a key of several projects lets the reader choose one", async () => {
    const { calls } = openPage("#/segments", ({ path }) =>
      path === "/session" ? Response.json({ ...SESSION, project_id: null, projects: ["a", "b"] }) : undefined,
    );
    await userEvent.selectOptions(await screen.findByLabelText(t.segment.project), "b");
    await waitFor(() => expect(calls.at(-1)?.headers["X-Project-ID"]).toBe("b"));
  });

  test("ends with signing out", async () => {
    openPage("#/segments");
    await userEvent.click(await screen.findByRole("button", { name: t.signOut }));
    expect(await screen.findByLabelText(t.signIn.key)).toBeVisible();
  });
});

test("a report shows the same pages without a server and without editing", async () => {
  window.location.hash = "#/segments/pro-plan-users";
  const source = await openSource(JSON.stringify(sampleReport), () => Promise.reject(new Error("no network")));
  render(<Root source={source} />);
  expect(await screen.findByRole("heading", { level: 1, name: "Pro Plan Users" })).toBeVisible();
  expect(await screen.findByRole("table", { name: t.segment.funnel })).toBeVisible();
  expect(screen.queryByRole("link", { name: t.segment.edit })).toBeNull();
  expect(screen.queryByRole("link", { name: t.contact })).toBeNull();
  await expectAccessible();
});
