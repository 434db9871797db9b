import { type KeyboardEvent, type Ref, useEffect, useRef, useState } from "react";
import { Icon } from "./icons";

const PAUSE_MS = 200;

/** A field that tells its text after a short pause, at once on Enter, and empties on Escape. */
export function SearchField({
  value,
  label,
  placeholder,
  inputRef,
  onSearch,
  onLeave,
  className = "",
}: {
  readonly value: string;
  readonly label: string;
  readonly placeholder: string;
  readonly inputRef?: Ref<HTMLInputElement>;
  readonly onSearch: (text: string) => void;
  readonly onLeave?: () => void;
  readonly className?: string;
}) {
  const [draft, setDraft] = useState(value);
  const told = useRef(value);
  useEffect(() => {
    if (value === told.current) return;
    told.current = value;
    setDraft(value);
  }, [value]);
  useEffect(() => {
    if (draft === told.current) return;
    const timer = setTimeout(() => {
      told.current = draft;
      onSearch(draft);
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [draft, onSearch]);
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    const text = event.key === "Escape" ? "" : draft;
    told.current = text;
    setDraft(text);
    onSearch(text);
    event.currentTarget.blur();
    onLeave?.();
  };
  return (
    <label className={`relative flex items-center ${className}`}>
      <Icon name="search" size={13} className="pointer-events-none absolute left-2 text-faint" />
      <input
        ref={inputRef}
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={draft}
        maxLength={512}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={press}
        className="h-7 w-full rounded-md border border-line bg-surface pr-2 pl-7 text-sm placeholder:text-faint"
      />
    </label>
  );
}
