import { useEffect } from "react";
import { t } from "./texts";

/** Name the tab after what the page shows, as soon as that is known. */
export function useTitle(title: string | null | undefined): void {
  useEffect(() => {
    if (title) document.title = t.title(title);
  }, [title]);
}
