import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";

const route = getRouteApi("/runs/$runId");
/** Browsers take only so many changes of the address a second, and a held arrow key makes thirty. */
const ADDRESS_PAUSE_MS = 200;

/** The chosen span: at once on screen, soon after in the address; a changed address chooses too. */
export function useSelection(): readonly [string | null, (spanId: string | null) => void] {
  const { span } = route.useSearch();
  const navigate = route.useNavigate();
  const [selected, setSelected] = useState<string | null>(span ?? null);
  const written = useRef(span ?? null);
  useEffect(() => {
    const fromAddress = span ?? null;
    if (fromAddress === written.current) return;
    written.current = fromAddress;
    setSelected(fromAddress);
  }, [span]);
  useEffect(() => {
    if (selected === written.current) return;
    const timer = setTimeout(() => {
      written.current = selected;
      void navigate({ search: (old) => ({ ...old, span: selected ?? undefined }), replace: true });
    }, ADDRESS_PAUSE_MS);
    return () => clearTimeout(timer);
  }, [selected, navigate]);
  return [selected, useCallback((spanId: string | null) => setSelected(spanId), [])];
}
