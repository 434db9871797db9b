import { useState } from "react";
import {
  type Answer,
  type PayloadHead,
  type PayloadTexts,
  useRunPayloads,
  useSpanPayloads,
} from "@/graphql/details";
import type { Failure } from "@/graphql/failure";

/** A payload up to this size is fetched unasked; a larger one when the reader says so. */
const UNASKED_BYTES = 256 * 1024;

/** One payload: what is known of it, and its text once it is here. */
export interface PayloadSlot {
  /** null: nothing was recorded. */
  readonly head: PayloadHead | null;
  readonly text: string | null;
  readonly isHeldBack: boolean;
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
    input: input !== null && (asked.input || input.bytes <= UNASKED_BYTES),
    output: output !== null && (asked.output || output.bytes <= UNASKED_BYTES),
  };
  const answer = useFetch(id, wanted);
  const slot = (name: "input" | "output", head: PayloadHead | null): PayloadSlot => ({
    head,
    text: answer.data?.[name] ?? null,
    isHeldBack: head !== null && !wanted[name],
    isLoading: wanted[name] && answer.isLoading,
    failure: answer.failure,
    load: () => (wanted[name] ? answer.again() : setAsked((old) => ({ ...old, [name]: true }))),
  });
  return { input: slot("input", input), output: slot("output", output) };
}
