import { useState } from "react";
import { formatWait } from "@/model/format";
import { type Refusal, toSentence } from "@/model/refusal";
import { useNow } from "@/ui/clock";
import { FormProblem } from "@/ui/form";
import { Text } from "@/ui/text";

interface Attempt {
  readonly refusal: Refusal | null;
  /** So many seconds until the next try is looked at; 0: it is at once. */
  readonly waitS: number;
  readonly isBusy: boolean;
  readonly run: (attempt: () => Promise<Refusal | null>) => void;
}

/** A try to be let in, why it failed, and the time until the next. */
export function useRefusal(): Attempt {
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [refusedAtMs, setRefusedAtMs] = useState(0);
  const [isBusy, setBusy] = useState(false);
  const nowMs = useNow(refusal?.kind === "limited", 1000);
  const run = (attempt: () => Promise<Refusal | null>) => {
    setBusy(true);
    void attempt().then((found) => {
      setBusy(false);
      setRefusal(found);
      setRefusedAtMs(Date.now());
    });
  };
  // The clock here stands still while nothing is waited for.
  const passedS = Math.max(0, nowMs - refusedAtMs) / 1000;
  const waitS = Math.max(0, Math.ceil((refusal?.retryAfterS ?? 0) - passedS));
  return { refusal, waitS, isBusy, run };
}

/** Why one was not let in; `wordsOf` has the form's own words for some of it. */
export function RefusalText({
  refusal,
  waitS,
  wordsOf,
}: {
  readonly refusal: Refusal;
  readonly waitS: number;
  readonly wordsOf: (refusal: Refusal) => string | null;
}) {
  const { kind, message } = refusal;
  if (kind === "limited")
    return (
      <FormProblem>
        {waitS > 0
          ? `Too many tries. The next one is looked at in ${formatWait(waitS)}.`
          : "There were too many tries. You can try again now."}
      </FormProblem>
    );
  if (kind === "unreachable") return <FormProblem>The server does not answer.</FormProblem>;
  return <FormProblem>{wordsOf(refusal) ?? <Text value={toSentence(message)} />}</FormProblem>;
}
