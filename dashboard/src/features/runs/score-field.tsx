import { type FormEvent, type ReactNode, useId, useState } from "react";
import { OPEN_RANGE, readSignedEnd } from "@/model/range";
import { MAX_CONDITIONS, type ScoreChoice } from "@/model/run-filter";
import { Button } from "@/ui/button";
import { LABEL, TextField } from "@/ui/fields";

const NONE: ScoreChoice = { name: "", score: OPEN_RANGE, label: null };
const NUMBER_HINT = "A number, such as -0.5";

function isEnd(text: string): boolean {
  return text.trim() === "" || readSignedEnd(text) !== null;
}

/** One more annotation that the runs must have: its name, and its score or label where they matter. */
export function ScoreField({
  count,
  onAdd,
}: {
  /** How many there are already. */
  readonly count: number;
  readonly onAdd: (choice: ScoreChoice) => void;
}) {
  const [{ name, score, label }, setDraft] = useState(NONE);
  const hintId = useId();
  const isFull = count >= MAX_CONDITIONS;
  const isWhole = name.trim() !== "" && isEnd(score.min) && isEnd(score.max);
  const change = (part: Partial<ScoreChoice>) => setDraft((draft) => ({ ...draft, ...part }));
  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!isWhole || isFull) return;
    const range = { min: score.min.trim(), max: score.max.trim() };
    onAdd({ name: name.trim(), score: range, label: label?.trim() || null });
    setDraft(NONE);
  };
  const end = (key: "min" | "max", word: string) => (
    <TextField
      label={`Score, ${word}`}
      placeholder={word}
      hint={isEnd(score[key]) ? null : NUMBER_HINT}
      value={score[key]}
      onChange={(text) => change({ score: { ...score, [key]: text } })}
    />
  );
  return (
    <form onSubmit={add} aria-label="Add a score" className="flex flex-col gap-2">
      <Line label="Name">
        <TextField
          label="Annotation"
          placeholder="helpfulness"
          value={name}
          onChange={(text) => change({ name: text })}
        />
      </Line>
      <Line label="Score">
        {end("min", "from")}
        <span aria-hidden="true" className="text-faint">
          –
        </span>
        {end("max", "to")}
      </Line>
      <Line label="Label">
        <TextField
          label="Annotation's label"
          placeholder="any"
          value={label ?? ""}
          onChange={(text) => change({ label: text })}
        />
        <Button type="submit" disabled={!isWhole || isFull} aria-describedby={hintId}>
          Add
        </Button>
      </Line>
      <span id={hintId} className={isFull ? "text-faint text-xs" : "sr-only"}>
        {isFull ? `${MAX_CONDITIONS} scores at most` : "Annotations of people, models and code"}
      </span>
    </form>
  );
}

/** The fields of one line; each has its own name for those who do not see the line's. */
function Line({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <div className="flex items-center gap-2">
      <span aria-hidden="true" className={LABEL}>
        {label}
      </span>
      {children}
    </div>
  );
}
