import { useState } from "react";
import {
  type Answer,
  type PayloadHead,
  type PayloadTexts,
  useRunPayloads,
  useSpanPayloads,
} from "@/graphql/details";
import type { Failure } from "@/graphql/failure";

/** A payload up to this size is fetched unasked; of a larger one there is its beginning. */
const UNASKED_BYTES = 256 * 1024;
/** Up to this size it is fetched when the reader says so; a larger one is only downloaded. */
const ASKED_BYTES = 4 * 1024 * 1024;

/** One payload: what is known of it, and its text once it is here. */
export interface PayloadSlot {
  /** null: nothing was recorded. */
  readonly head: PayloadHead | null;
  readonly text: string | null;
  /** Only its beginning is shown. */
  readonly isHeldBack: boolean;
  /** It may be fetched all the same. */
  readonly isLoadable: boolean;
  /** Where the text is to be had as a file, byte for byte. */
  readonly href: string;
  readonly isLoading: boolean;
  readonly failure: Failure | null;
  readonly load: () => void;
}

export interface Payloads {
  readonly input: PayloadSlot;
  readonly output: PayloadSlot;
}

interface Heads {
  readonly input?: PayloadHead | null | undefined;
  readonly output?: PayloadHead | null | undefined;
}

type Fetch = (
  id: string,
  wanted: { readonly input: boolean; readonly output: boolean },
) => Answer<PayloadTexts>;

export function useSpanPayloadState(id: string, heads: Heads | null): Payloads {
  return usePayloads(id, heads, useSpanPayloads);
}

export function useRunPayloadState(id: string, heads: Heads | null): Payloads {
  return usePayloads(id, heads, useRunPayloads);
}

function usePayloads(id: string, heads: Heads | null, useFetch: Fetch): Payloads {
  const [asked, setAsked] = useState({ input: false, output: false });
  const input = heads?.input ?? null;
  const output = heads?.output ?? null;
  const wanted = {
    input: input !== null && (asked.input || input.storedBytes <= UNASKED_BYTES),
    output: output !== null && (asked.output || output.storedBytes <= UNASKED_BYTES),
  };
  const answer = useFetch(id, wanted);
  const slot = (name: "input" | "output", head: PayloadHead | null): PayloadSlot => ({
    head,
    text: answer.data?.[name] ?? null,
    isHeldBack: head !== null && !wanted[name],
    isLoadable: head !== null && head.storedBytes <= ASKED_BYTES,
    href: makeHref(id, name),
    isLoading: wanted[name] && answer.isLoading,
    failure: answer.failure,
    load: () => (wanted[name] ? answer.again() : setAsked((old) => ({ ...old, [name]: true }))),
  });
  return { input: slot("input", input), output: slot("output", output) };
}

/** Where a run (its id) or a span (`<run>:<span>`) has its text as a file. */
export function makeHref(id: string, name: "input" | "output"): string {
  const [runId, spanId] = id.split(":").map(encodeURIComponent);
  return `/api/runs/${runId}${spanId === undefined ? "" : `/spans/${spanId}`}/${name}`;
}
