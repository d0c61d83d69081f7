import { useSyncExternalStore } from "react";

/** The place in the page, from the part of the address after `#`. It works the same in a file and on a server. */
export interface Route {
  parts: string[];
  query: URLSearchParams;
}

export function parseHash(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  return { parts: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function linkTo(parts: string[], query: Record<string, string> = {}): string {
  const set = Object.entries(query).filter(([, value]) => value);
  const search = set.length ? `?${new URLSearchParams(set)}` : "";
  return `#/${parts.map(encodeURIComponent).join("/")}${search}`;
}

export const segmentLink = (id: string) => linkTo(["segments", id]);
export const runLink = (id: string) => linkTo(["runs", id]);
export const contactLink = (id: string | number) => linkTo(["contact", String(id)]);

export function go(link: string): void {
  window.location.hash = link;
}

/** Change the address without a new entry in the browser's history and without moving the focus. */
export function replaceHash(link: string): void {
  window.history.replaceState(null, "", link);
  window.dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(onChange: () => void): () => void {
  window.addEventListener("hashchange", onChange);
  return () => window.removeEventListener("hashchange", onChange);
}

export function useHash(): string {
  return useSyncExternalStore(subscribe, () => window.location.hash);
}
