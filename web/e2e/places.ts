/** The places of the page, with the heading of each. */
export const PLACES: Record<string, { hash: string; heading: RegExp }> = {
  segments: { hash: "#/segments", heading: /^Segments$/ },
  segment: { hash: "#/segments/pro-plan-users", heading: /^Pro Plan Users$/ },
  editor: { hash: "#/segments/pro-plan-users/edit", heading: /^Edit Pro Plan Users$/ },
  "new-segment": { hash: "#/new", heading: /^New segment$/ },
  runs: { hash: "#/runs", heading: /^Runs$/ },
  run: { hash: "#/runs/current", heading: /^Run of / },
  overlap: { hash: "#/overlap", heading: /^Overlap$/ },
  contact: { hash: "#/contact/0027aab6-f1a1-431d-9a04-f9a659baa415", heading: /^Contact$/ },
};
