import type { ReactNode } from "react";

const PATHS = {
  agent: (
    <>
      <circle cx="8" cy="5.2" r="2.6" />
      <path d="M2.8 13.6c.5-3 2.5-4.6 5.2-4.6s4.7 1.6 5.2 4.6" />
    </>
  ),
  llm: <path d="M8 1.800l1.7 4.5 4.5 1.7-4.5 1.700L8 14.200l-1.7-4.500L1.8 8l4.5-1.700z" />,
  tool: (
    <path d="M13.4 4.300a3.6 3.6 0 0 1-4.8 4.600l-4.3 4.300a1.3 1.3 0 0 1-1.9-1.900l4.3-4.300a3.6 3.6 0 0 1 4.6-4.800L9.2 4.400l.3 2.1 2.1.3z" />
  ),
  retrieval: (
    <>
      <circle cx="7" cy="7" r="4.4" />
      <path d="M10.3 10.300l3.7 3.7" />
    </>
  ),
  decision: <path d="M8 1.800L14.2 8 8 14.2 1.8 8z" />,
  custom: <rect x="3" y="3" width="10" height="10" rx="2" />,
  chevron: <path d="M6 3.800L10.2 8 6 12.2" />,
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="M10.2 10.200L14 14" />
    </>
  ),
  sun: (
    <>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1v1.600M8 13.400V15M1 8h1.600M13.4 8H15M3 3l1.2 1.200M11.8 11.800L13 13M13 3l-1.2 1.200M4.2 11.800L3 13" />
    </>
  ),
  moon: <path d="M13.4 9.600A5.8 5.8 0 0 1 6.4 2.600a5.8 5.8 0 1 0 7 7z" />,
  system: (
    <>
      <rect x="1.8" y="2.8" width="12.4" height="8.4" rx="1.2" />
      <path d="M5.5 13.600h5" />
    </>
  ),
  copy: (
    <>
      <rect x="5.6" y="5.6" width="8" height="8" rx="1.4" />
      <path d="M10.4 3.600v-.4A1.2 1.2 0 0 0 9.2 2H3.200A1.2 1.2 0 0 0 2 3.200v6a1.2 1.2 0 0 0 1.2 1.200h.4" />
    </>
  ),
  check: <path d="M3 8.600l3.2 3.200L13 5" />,
  close: <path d="M3.8 3.800l8.4 8.400M12.2 3.800l-8.4 8.4" />,
  alert: (
    <>
      <circle cx="8" cy="8" r="6.2" />
      <path d="M8 4.800v3.800M8 10.900v.3" />
    </>
  ),
  plus: <path d="M8 3.200v9.600M3.2 8h9.6" />,
  minus: <path d="M3.2 8h9.6" />,
  fit: (
    <path d="M2 5V2.600h2.400M14 5V2.600h-2.400M2 11v2.400h2.400M14 11v2.400h-2.400M4.6 8h6.8" />
  ),
  follow: <path d="M8 2.400v8M4.6 7.200L8 10.600l3.4-3.400M3 13.600h10" />,
  leave: <path d="M6.400 2.600H3.400v10.800h3M7 8h6.600M11 5.200L13.800 8 11 10.800" />,
  expand: <path d="M4 6l4-3.600L12 6M4 10l4 3.600L12 10" />,
  collapse: <path d="M4 2.600L8 6l4-3.400M4 13.400L8 10l4 3.4" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

/** A line icon, 16 units square, in the colour of its text; it says nothing to a screen reader. */
export function Icon({
  name,
  size = 14,
  className = "",
}: {
  readonly name: IconName;
  readonly size?: number;
  readonly className?: string;
}) {
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      className={`shrink-0 ${className}`}
    >
      {PATHS[name]}
    </svg>
  );
}
