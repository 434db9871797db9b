import { useState } from "react";
import { type Piece, splitMarks } from "./marks";

/** Recorded text on one line: nothing in it is obeyed, what is invisible is marked. */
export function Text({
  value,
  className = "",
}: {
  readonly value: string;
  readonly className?: string;
}) {
  return (
    <span dir="auto" className={`foreign ${className}`}>
      <Pieces
        pieces={splitMarks(value.length > 2000 ? `${value.slice(0, 2000)}…` : value, {
          block: false,
        })}
      />
    </span>
  );
}

function Pieces({ pieces }: { readonly pieces: readonly Piece[] }) {
  let offset = 0;
  return pieces.map(({ text, mark }) => {
    const key = offset;
    offset += text.length;
    return mark === null ? (
      text
    ) : (
      <span key={key} className="char-mark" title={`Invisible or control characters: ${mark}`}>
        {mark}
      </span>
    );
  });
}

const STEP = 20_000;

/** Recorded text with its line breaks; a long one opens step by step. */
export function TextBlock({
  value,
  className = "",
}: {
  readonly value: string;
  readonly className?: string;
}) {
  const [shown, setShown] = useState(STEP);
  const rest = value.length - shown;
  return (
    <div className={className}>
      <div dir="auto" className="foreign overflow-hidden whitespace-pre-wrap">
        <Pieces pieces={splitMarks(rest > 0 ? value.slice(0, shown) : value, { block: true })} />
      </div>
      {rest > 0 && (
        <button
          type="button"
          className="mt-1 text-sm text-accent hover:underline"
          onClick={() => setShown(shown * 4)}
        >
          Show more ({rest.toLocaleString("en-US")} characters)
        </button>
      )}
    </div>
  );
}
