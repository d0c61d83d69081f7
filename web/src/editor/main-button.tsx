import { type RefObject, useId } from "react";

interface Props {
  text: string;
  type: "button" | "submit";
  /** The reason why the button does nothing now; null if it works. */
  reason: string | null;
  /** What is shown next to a button that works. */
  note?: string;
  /** How often it was pressed, so that the reason is read out each time. */
  attempts: number;
  onClick?: () => void;
  button: RefObject<HTMLButtonElement | null>;
}

/** The main button of a form. It can have the focus at all times, so that the reason why it does nothing is heard. */
export function MainButton({ text, type, reason, note = "", attempts, onClick, button }: Props) {
  const id = useId();
  return (
    <>
      <button
        ref={button}
        type={type}
        className="primary"
        aria-disabled={reason !== null}
        aria-describedby={id}
        onClick={onClick}
      >
        {text}
      </button>
      <span id={id} className="muted" role="status">
        {/* A new element in the status is read out, also if its text is the same as before. */}
        <span key={attempts}>{reason ?? note}</span>
      </span>
    </>
  );
}
