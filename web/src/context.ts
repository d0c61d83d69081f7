import type { SegmentsClient } from "@segbatch/client";
import { createContext, useContext } from "react";
import type { ReportInfo } from "./data/source";

export interface PageContext {
  client: SegmentsClient;
  report: ReportInfo | null;
  canEdit: boolean;
  /** Whether members and contacts have fields. */
  showsFields: boolean;
}

const Context = createContext<PageContext | null>(null);
export const PageProvider = Context.Provider;

/** Like usePage, but null where no one is signed in yet. Each session has another page context. */
export const usePageIfAny = () => useContext(Context);

export function usePage(): PageContext {
  const context = useContext(Context);
  if (!context) throw new Error("no PageProvider");
  return context;
}
