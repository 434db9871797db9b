/** The mark of the product. */
export function Logo({ size = 20 }: { readonly size?: number }) {
  return (
    <svg aria-hidden="true" viewBox="0 0 32 32" width={size} height={size} className="shrink-0">
      <rect width="32" height="32" rx="7" fill="#5b5bd6" />
      <path d="M7 10h12M11 16h12M15 22h10" stroke="#fff" strokeWidth="3.2" strokeLinecap="round" />
    </svg>
  );
}
