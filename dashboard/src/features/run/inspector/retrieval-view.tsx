import type { Retrieval, RetrievedDocument } from "@/model/content";
import { Text, TextBlock } from "@/ui/text";
import { Fact, Facts, Part } from "./facts";
import { NodeView } from "./node-view";
import { FidelityMark } from "./payload-view";
import type { Payloads } from "./use-payloads";

/** A retrieval: the question and what came back, with scores. */
export function RetrievalView({
  retrieval,
  texts,
}: {
  readonly retrieval: Retrieval;
  readonly texts: Payloads;
}) {
  const { query, documents } = retrieval;
  const best = Math.max(0, ...(documents ?? []).map(({ score }) => Number(score ?? 0)));
  return (
    <>
      {query !== null && (
        <Part title="Query">
          <TextBlock value={query} />
        </Part>
      )}
      {documents !== null && (
        <Part title={documents.length === 1 ? "1 document" : `${documents.length} documents`}>
          {texts.output.head !== null && <FidelityMark head={texts.output.head} />}
          <ol className="flex flex-col gap-2">
            {documents.map((document, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a document is its rank
              <Document key={index} rank={index + 1} document={document} best={best} />
            ))}
          </ol>
        </Part>
      )}
    </>
  );
}

function Document({
  rank,
  document,
  best,
}: {
  readonly rank: number;
  readonly document: RetrievedDocument;
  readonly best: number;
}) {
  const { id, content, score, rest } = document;
  return (
    <li data-testid="document" className="rounded-md border border-line px-2.5 py-2">
      <div className="flex items-center gap-2 text-sm">
        <span className="text-faint">{rank}</span>
        <span className="min-w-0 truncate font-mono">{id !== null && <Text value={id} />}</span>
        {score !== null && <Score score={score} best={best} />}
      </div>
      {content !== null && <TextBlock value={content} className="mt-1 line-clamp-6 text-dim" />}
      {rest.length > 0 && (
        <div className="mt-1.5">
          <Facts>
            {rest.map(({ key, value }) => (
              <Fact key={key} name={<Text value={key} />}>
                {value.kind === "string" ? <Text value={value.value} /> : <NodeView node={value} />}
              </Fact>
            ))}
          </Facts>
        </div>
      )}
    </li>
  );
}

/** The score as recorded, and a bar that compares it with the best of the list. */
function Score({ score, best }: { readonly score: string; readonly best: number }) {
  const value = Number(score);
  const share = best > 0 && value > 0 ? Math.min(1, value / best) : 0;
  const short = Number.isFinite(value)
    ? value.toPrecision(4).replace(/\.?0+$/, "")
    : score.slice(0, 24);
  return (
    <span
      className="ml-auto flex shrink-0 items-center gap-2 text-sm"
      title={`Score ${score.slice(0, 64)}`}
    >
      <span aria-hidden="true" className="h-1 w-14 rounded-full bg-sunken">
        <span
          className="block h-1 rounded-full bg-(--type-retrieval)"
          style={{ width: `${share * 100}%` }}
        />
      </span>
      {short}
    </span>
  );
}
