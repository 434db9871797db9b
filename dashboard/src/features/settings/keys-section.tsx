import { useState } from "react";
import { type ApiKey, useApiKeys, useRevokeApiKey } from "@/graphql/accounts";
import { formatAgo, formatDay } from "@/model/format";
import { parseInstant } from "@/model/instant";
import { toSentence } from "@/model/refusal";
import { toWord, type Viewer } from "@/model/viewer";
import { Button } from "@/ui/button";
import { useNow } from "@/ui/clock";
import { Confirm } from "@/ui/confirm";
import { Cell, Row, Table } from "@/ui/table";
import { Text } from "@/ui/text";
import { NewKey } from "./new-key";
import { Answered, Nothing, Part, Tag } from "./part";

/** The keys of the project: programs record and read with them. */
export function KeysSection({ viewer }: { readonly viewer: Viewer }) {
  const answer = useApiKeys();
  const [isMaking, setMaking] = useState(false);
  const [ending, setEnding] = useState<ApiKey | null>(null);
  const { project } = viewer;
  if (project === null) return null;
  return (
    <Part
      about={
        <p>
          Programs record to, and read from, <Text value={project.name} className="text-ink" /> with
          a key in <code className="font-mono text-ink text-sm">AGENTTRACE_API_KEY</code>.
        </p>
      }
      action={
        <Button tone="primary" onClick={() => setMaking(true)}>
          Create a key
        </Button>
      }
    >
      <Answered answer={answer}>
        {(keys) =>
          keys.length === 0 ? (
            <Nothing>There is no key yet. An agent needs one to record here.</Nothing>
          ) : (
            <KeyTable keys={keys} onEnd={setEnding} />
          )
        }
      </Answered>
      <NewKey
        project={project}
        isOpen={isMaking}
        onMade={answer.again}
        onClose={() => setMaking(false)}
      />
      <RevokeKey apiKey={ending} onDone={answer.again} onClose={() => setEnding(null)} />
    </Part>
  );
}

function KeyTable({
  keys,
  onEnd,
}: {
  readonly keys: readonly ApiKey[];
  readonly onEnd: (key: ApiKey) => void;
}) {
  const nowMs = useNow(true, 10_000);
  return (
    <Table
      label="API keys"
      heads={["Name", "Scope", "Begins with", "Created", "Last used", "Ends", ""]}
    >
      {keys.map((key) => (
        <KeyRow key={key.id} apiKey={key} nowMs={nowMs} onEnd={() => onEnd(key)} />
      ))}
    </Table>
  );
}

function KeyRow({
  apiKey: key,
  nowMs,
  onEnd,
}: {
  readonly apiKey: ApiKey;
  readonly nowMs: number;
  readonly onEnd: () => void;
}) {
  const isRevoked = typeof key.revokedAt === "string";
  const expiresMs = typeof key.expiresAt === "string" ? parseInstant(key.expiresAt) : null;
  const isExpired = expiresMs !== null && expiresMs <= nowMs;
  const isOver = isRevoked || isExpired;
  return (
    <Row isFaded={isOver}>
      <Cell className="min-w-40 max-w-56 font-medium">
        <Text value={key.name} />
        {isRevoked && <Tag tone="bad">Revoked</Tag>}
        {!isRevoked && isExpired && <Tag tone="warn">Expired</Tag>}
      </Cell>
      <Cell>{toWord(key.scope)}</Cell>
      <Cell className="whitespace-nowrap font-mono text-sm">{key.prefix}…</Cell>
      <Cell
        className="whitespace-nowrap"
        title={`By ${key.createdBy}, ${formatDay(parseInstant(key.createdAt))}`}
      >
        {formatAgo(parseInstant(key.createdAt), nowMs)}
      </Cell>
      <Cell className="whitespace-nowrap">
        {typeof key.lastUsedAt === "string"
          ? formatAgo(parseInstant(key.lastUsedAt), nowMs)
          : "Never"}
      </Cell>
      <Cell className="whitespace-nowrap">
        {expiresMs === null ? "Never" : formatDay(expiresMs).slice(0, 10)}
      </Cell>
      <Cell className="text-right">
        {!isOver && (
          <Button tone="danger" onClick={onEnd} aria-label={`Revoke the key ${key.name}`}>
            Revoke
          </Button>
        )}
      </Cell>
    </Row>
  );
}

function RevokeKey({
  apiKey,
  onDone,
  onClose,
}: {
  readonly apiKey: ApiKey | null;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const revoke = useRevokeApiKey();
  const act = async () => {
    if (apiKey === null) return null;
    const problem = await revoke({ id: apiKey.id });
    if (problem === null) onDone();
    return problem === null ? null : toSentence(problem.message);
  };
  return (
    <Confirm
      title="Revoke this key?"
      act="Revoke the key"
      isOpen={apiKey !== null}
      onAct={act}
      onClose={onClose}
    >
      <p>
        Programs that use <Text value={apiKey?.name ?? ""} className="text-ink" /> (
        <code className="font-mono text-sm">{apiKey?.prefix}…</code>) are refused within 5 seconds.
        This cannot be taken back.
      </p>
    </Confirm>
  );
}
