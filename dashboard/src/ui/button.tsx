import type { ButtonHTMLAttributes } from "react";
import { Icon, type IconName } from "./icons";

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "type">;

const LOOKS = {
  plain: "border-line bg-surface text-ink hover:bg-hover",
  primary: "border-accent bg-accent font-medium text-surface hover:opacity-90",
  danger: "border-line bg-surface text-bad hover:border-bad hover:bg-bad-soft",
} as const;

/** A small button; `pressed` makes it a switch. */
export function Button({
  pressed,
  tone = "plain",
  type = "button",
  className = "",
  ...rest
}: Native & {
  readonly pressed?: boolean;
  readonly tone?: keyof typeof LOOKS;
  readonly type?: "button" | "submit";
}) {
  const look = pressed === true ? "border-accent bg-accent-soft text-accent" : LOOKS[tone];
  return (
    <button
      type={type}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
      className={`inline-flex h-7 items-center gap-1.5 whitespace-nowrap rounded-md border px-2.5 text-sm disabled:opacity-45 ${look} ${className}`}
      {...rest}
    />
  );
}

/** A button that is only an icon; the label is its name and its tooltip. */
export function IconButton({
  icon,
  label,
  pressed,
  className = "",
  ...rest
}: Native & { readonly icon: IconName; readonly label: string; readonly pressed?: boolean }) {
  const look =
    pressed === true ? "bg-accent-soft text-accent" : "text-dim hover:bg-hover hover:text-ink";
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
      className={`inline-flex size-7 shrink-0 items-center justify-center rounded-md disabled:opacity-40 ${look} ${className}`}
      {...rest}
    >
      <Icon name={icon} />
    </button>
  );
}
