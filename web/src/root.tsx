import type { Session } from "@segbatch/client";
import { useEffect, useMemo, useState } from "react";
import { App } from "./app";
import { Loading, Problem } from "./components/feedback";
import { PageProvider } from "./context";
import type { Source } from "./data/source";
import { SignIn } from "./pages/sign-in";
import { t } from "./texts";
import { useAnswer } from "./use-answer";

export function Root({ source }: { source: Source }) {
  return source.report ? <ReportRoot source={source} /> : <ServerRoot source={source} />;
}

function ReportRoot({ source }: { source: Source }) {
  const page = useMemo(() => ({ ...source, canEdit: false, showsFields: false }), [source]);
  return (
    <PageProvider value={page}>
      <App />
    </PageProvider>
  );
}

function ServerRoot({ source }: { source: Source }) {
  const { client } = source;
  const first = useAnswer("session", (options) => client.getSession(options));
  const [signedIn, setSignedIn] = useState<Session | null>(null);
  const session = signedIn ?? first.value;
  if (first.error) {
    return (
      <main className="page">
        <Problem error={first.error} onRetry={first.retry} />
      </main>
    );
  }
  if (!session) {
    return (
      <main className="page">
        <Loading slow={first.slow} />
      </main>
    );
  }
  if (!session.signed_in) return <SignIn client={client} onSignedIn={setSignedIn} />;
  return <SignedIn source={source} session={session} onSession={setSignedIn} />;
}

interface SignedInProps {
  source: Source;
  session: Session;
  onSession: (session: Session) => void;
}

/** The page of a session. When the session ends, the page stays behind the sign-in, so that what was typed is kept. */
function SignedIn({ source: { client, sessionEnd }, session, onSession }: SignedInProps) {
  const [hasEnded, setHasEnded] = useState(false);
  const [project, setProject] = useState(session.project_id ?? session.projects[0] ?? null);
  const page = useMemo(() => {
    const own = session.keys_required && project !== null ? client.forProject(project) : client;
    return { client: own, report: null, canEdit: !session.read_only, showsFields: session.shows_fields };
  }, [client, session, project]);

  useEffect(() => {
    const end = () => setHasEnded(true);
    sessionEnd.addEventListener("end", end);
    return () => sessionEnd.removeEventListener("end", end);
  }, [sessionEnd]);

  const signOut = async () => {
    await client.signOut().catch(() => undefined);
    onSession({ ...session, signed_in: false, csrf_token: null });
  };
  const account = (
    <>
      {session.projects.length > 1 ? (
        <label className="inline">
          {t.segment.project}
          <select value={project ?? ""} onChange={(event) => setProject(event.target.value)}>
            {session.projects.map((id) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
      ) : (
        project && <span>{t.project(project)}</span>
      )}
      {session.read_only && <span className="badge">{t.readOnly}</span>}
      {session.keys_required && (
        <button type="button" className="quiet" onClick={() => void signOut()}>
          {t.signOut}
        </button>
      )}
    </>
  );
  return (
    <>
      {hasEnded && (
        <SignIn
          client={client}
          isAgain
          onSignedIn={(next) => {
            setHasEnded(false);
            onSession(next);
          }}
        />
      )}
      <div hidden={hasEnded}>
        <PageProvider value={page}>
          <App key={project} account={account} />
        </PageProvider>
      </div>
    </>
  );
}
