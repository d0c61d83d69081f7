import { useState } from "react";
import { Answered } from "../components/feedback";
import { usePage } from "../context";
import { t } from "../texts";
import { useAnswer } from "../use-answer";

const KEY = "segbatch.member-columns";
/** The server returns no more fields at once. */
const MOST = 10;

/** The chosen columns, which the tab keeps for all segments. */
export function useColumns(): [string[], (columns: string[]) => void] {
  const [columns, setColumns] = useState(readColumns);
  const change = (next: string[]) => {
    setColumns(next);
    try {
      window.sessionStorage.setItem(KEY, JSON.stringify(next));
    } catch {
      // The browser keeps nothing; the columns are then those of this page.
    }
  };
  return [columns, change];
}

function readColumns(): string[] {
  try {
    const found: unknown = JSON.parse(window.sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.map(String).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

interface Props {
  columns: readonly string[];
  onChange: (columns: string[]) => void;
}

/** The chosen columns, and a choice of others. The fields are read when a reader wants to choose, which can take long. */
export function ColumnChooser({ columns, onChange }: Props) {
  const { client } = usePage();
  const [isOpen, setIsOpen] = useState(false);
  const fields = useAnswer(isOpen ? "fields" : null, (options) => client.listFields(options));
  return (
    <div className="columns">
      {columns.length > 0 && (
        <ul className="chips">
          {columns.map((name) => (
            <li key={name} className="chip">
              <bdi>{name}</bdi>
              <button
                type="button"
                aria-label={t.segment.removeColumn(name)}
                onClick={() => onChange(columns.filter((one) => one !== name))}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
      {isOpen && (
        <Answered answer={fields}>
          {({ fields: found }) =>
            columns.length < MOST ? (
              <label>
                {t.segment.addColumn}
                <select value="" onChange={(event) => onChange([...columns, event.target.value])}>
                  <option value="" />
                  {found
                    .filter(({ name, table }) => table === null && !columns.includes(name))
                    .map(({ name }) => (
                      <option key={name}>{name}</option>
                    ))}
                </select>
              </label>
            ) : (
              <p className="muted">{t.segment.mostColumns(MOST)}</p>
            )
          }
        </Answered>
      )}
      <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
        {isOpen ? t.segment.hideColumns : t.segment.chooseColumns}
      </button>
    </div>
  );
}
