import { Code } from "../components/parts";
import type { Definition, Match, Node } from "../data/types";
import { inWords, type Names } from "../in-words";
import { t } from "../texts";
import type { Part } from "./merge";
import type { NamedSegment } from "./value-editor";

interface Props {
  definition: Partial<Definition>;
  part: Part;
  /** The name of the version. */
  name: string;
  segments: readonly NamedSegment[];
}

/** A part of one version of a definition. */
export function Version({ definition, part, name, segments }: Props) {
  if (part !== "rules") return <p className="version">{textOf(definition[part])}</p>;
  const { rules = [] } = definition;
  const match = definition.match ?? "all";
  const names = Object.fromEntries(segments.map((segment) => [segment.id, segment.name ?? segment.id]));
  return (
    <div className="version">
      <Words match={match} rules={rules} names={names} />
      <details>
        <summary>{t.segment.json}</summary>
        <Code
          text={JSON.stringify({ match, rules }, null, 1)}
          label={t.editor.versionAsJson(t.editor.keys[part], name)}
        />
      </details>
    </div>
  );
}

/** Rules that no server has put into words; a rule that the page does not know is shown as JSON. */
function Words({ match, rules, names }: { match: Match; rules: readonly Node[]; names: Names }) {
  return (
    <div className="words">
      {(rules.length > 1 || match === "none") && <p className="match">{t.match[match]}</p>}
      <ul>
        {rules.map((rule, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a rule may be in the list twice
          <li key={index}>
            {Array.isArray(rule?.rules) && rule.match ? (
              <Words match={rule.match} rules={rule.rules} names={names} />
            ) : (
              <span>{inWords(rule, names) ?? <code>{JSON.stringify(rule)}</code>}</span>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}

function textOf(value: unknown): string {
  if (value === undefined || value === null || value === "") return t.noValue;
  return Array.isArray(value) ? value.join(", ") || t.noValue : String(value);
}
