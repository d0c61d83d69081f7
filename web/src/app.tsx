import { useEffect, useMemo, useRef } from "react";
import { Boundary } from "./components/feedback";
import { usePage } from "./context";
import { time } from "./format";
import { ContactPageView } from "./pages/contact";
import { EditorPageView } from "./pages/editor";
import { OverlapPageView } from "./pages/overlap";
import { RunPageView, RunsPageView } from "./pages/runs";
import { SegmentPageView } from "./pages/segment";
import { SegmentsPageView } from "./pages/segments";
import { linkTo, parseHash, type Route, useHash } from "./route";
import { t } from "./texts";

export function App({ account }: { account?: React.ReactNode }) {
  const { report } = usePage();
  const hash = useHash();
  const route = useMemo(() => parseHash(hash), [hash]);
  const path = route.parts.join("/");
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page begins at its heading
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    window.scrollTo(0, 0);
    main.current?.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }, [path]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a page that knows a better title keeps it until the next page
  useEffect(() => {
    document.title = t.title(titleOf(route));
  }, [path]);

  return (
    <>
      {/* A link to #content would change the page, because the address after # is the place in the page. */}
      <button type="button" className="skip" onClick={() => main.current?.querySelector<HTMLElement>("h1")?.focus()}>
        {t.skip}
      </button>
      <header className="top">
        <a className="brand" href={linkTo(["segments"])}>
          <Mark />
          {t.product}
        </a>
        <nav aria-label={t.sections}>
          <Tab section="segments" path={path} text={t.segments} />
          <Tab section="runs" path={path} text={t.runs} />
          <Tab section="overlap" path={path} text={t.overlap} />
          {!report && <Tab section="contact" path={path} text={t.contact} />}
        </nav>
        <div className="account">{report ? <span>{t.report(time(report.generated_at))}</span> : account}</div>
      </header>
      <main className="page" ref={main}>
        <Boundary key={path}>
          <Page route={route} />
        </Boundary>
      </main>
      {report && <footer className="page muted">{t.reportFoot(report.version)}</footer>}
    </>
  );
}

function titleOf({ parts }: Route): string {
  const [section = "segments", id] = parts;
  const titles: Record<string, string> = {
    segments: t.segments,
    runs: t.runs,
    overlap: t.overlap,
    contact: t.contact,
    new: t.newSegment,
  };
  return id ?? titles[section] ?? t.notFound;
}

function Page({ route: { parts, query } }: { route: Route }) {
  const [section = "segments", id] = parts;
  if (section === "new") return <EditorPageView id={undefined} />;
  if (section === "segments" && id !== undefined && parts[2] === "edit") return <EditorPageView id={id} />;
  if (section === "segments") return id ? <SegmentPageView id={id} /> : <SegmentsPageView query={query} />;
  if (section === "runs") return id ? <RunPageView id={id} /> : <RunsPageView />;
  if (section === "contact") return <ContactPageView id={id} />;
  if (section === "overlap") return <OverlapPageView query={query} />;
  return (
    <div className="empty">
      <h1 tabIndex={-1}>{t.notFound}</h1>
      <p>{t.notFoundHelp}</p>
    </div>
  );
}

function Tab({ section, path, text }: { section: string; path: string; text: string }) {
  const isHere = path === section || path.startsWith(`${section}/`) || (path === "" && section === "segments");
  return (
    <a href={linkTo([section])} aria-current={isHere ? "page" : undefined}>
      {text}
    </a>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" className="mark">
      <rect width="16" height="16" rx="4" />
      <path d="M4 11V8M8 11V5M12 11V7" />
    </svg>
  );
}
