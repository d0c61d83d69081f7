import type { SegmentsClient, Session } from "@segbatch/client";
import { type FormEvent, useState } from "react";
import { reasonOf } from "../components/feedback";
import { t } from "../texts";
import { asApiError } from "../use-answer";

interface Props {
  client: SegmentsClient;
  onSignedIn: (session: Session) => void;
  /** The session ended while the page was open. */
  isAgain?: boolean;
}

/** The key goes to the server once, which answers with a cookie that scripts cannot read. */
export function SignIn({ client, onSignedIn, isAgain = false }: Props) {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setIsBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsBusy(true);
    setProblem(null);
    try {
      onSignedIn(await client.signIn(key.trim()));
    } catch (error) {
      const known = asApiError(error);
      setProblem(known.status === 401 ? t.signIn.wrong : reasonOf(known));
      setIsBusy(false);
    }
  };

  return (
    <main className="page sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <h1>{t.signIn.title}</h1>
        <p className="lead">{isAgain ? t.signIn.expired : t.signIn.lead}</p>
        <label>
          {t.signIn.key}
          <input
            type="password"
            autoComplete="current-password"
            required
            value={key}
            aria-invalid={problem !== null}
            aria-describedby="sign-in-problem"
            onChange={(event) => setKey(event.target.value)}
          />
        </label>
        <p id="sign-in-problem" className="bad" role="alert">
          {problem}
        </p>
        <button type="submit" className="primary" disabled={isBusy}>
          {t.signIn.submit}
        </button>
        <p className="muted">{t.signIn.kept}</p>
      </form>
    </main>
  );
}
