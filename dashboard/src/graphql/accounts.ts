import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { type AnyVariables, type TypedDocumentNode, useMutation, useQuery } from "urql";
import { parseInstant } from "@/model/instant";
import type { Project, Role, Scope, Viewer } from "@/model/viewer";
import {
  AccountsDocument,
  ApiKeysDocument,
  AppointAdminDocument,
  ChangePasswordDocument,
  CreateAccountDocument,
  CreateApiKeyDocument,
  CreateProjectDocument,
  EndSessionsDocument,
  MembersDocument,
  PutMemberDocument,
  RemoveMemberDocument,
  RenameProjectDocument,
  RevokeApiKeyDocument,
  SessionsDocument,
  SetAccountDisabledDocument,
  ViewerDocument,
} from "./account-documents";
import { AuditFeed } from "./audit-feed";
import { type Answer, toAnswer } from "./details";
import { failureOf } from "./failure";
import type {
  AccountsQuery,
  ApiKeysQuery,
  MembersQuery,
  ProjectRowFragment,
  SessionsQuery,
  ViewerQuery,
} from "./generated/graphql";
import { useTransport } from "./hooks";

export type Member = MembersQuery["members"][number];
export type ApiKey = ApiKeysQuery["apiKeys"][number];
export type Account = AccountsQuery["accounts"][number];
export type Login = SessionsQuery["sessions"][number];

/** Who reads, and what the server says of itself. */
export interface Known {
  readonly viewer: Viewer;
  readonly server: ViewerQuery["server"];
}

/** Asked once, and anew when the server does not let one follow any more. */
export function useKnown(): Answer<Known> {
  const { watchRefusals } = useTransport();
  const [result, execute] = useQuery({ query: ViewerDocument });
  const again = useCallback(() => execute({ requestPolicy: "network-only" }), [execute]);
  useEffect(() => watchRefusals(again), [watchRefusals, again]);
  const known = useMemo(
    // Beside errors there may be no data at all.
    () => (result.data ? toKnown(result.data) : null),
    [result.data],
  );
  return toAnswer([result, again], () => known);
}

function toKnown({ viewer, projects, server }: ViewerQuery): Known {
  const { id, kind, name, role = null, isOperator, project = null } = viewer;
  return {
    viewer: {
      id,
      kind,
      name,
      role,
      isOperator,
      project: project === null ? null : toProject(project),
      projects: projects.map(toProject),
    },
    server,
  };
}

function toProject({ id, name, slug, createdAt }: ProjectRowFragment): Project {
  return { id, name, slug, createdMs: parseInstant(createdAt) };
}

export function useMembers(): Answer<readonly Member[]> {
  return toAnswer(useQuery({ query: MembersDocument }), ({ members }) => members);
}

export function useApiKeys(): Answer<readonly ApiKey[]> {
  return toAnswer(useQuery({ query: ApiKeysDocument }), ({ apiKeys }) => apiKeys);
}

export function useAccounts(): Answer<readonly Account[]> {
  return toAnswer(useQuery({ query: AccountsDocument }), ({ accounts }) => accounts);
}

/** One's own logins, the last to be used first. */
export function useLogins(): Answer<readonly Login[]> {
  return toAnswer(useQuery({ query: SessionsDocument }), ({ sessions }) => sessions);
}

export function useAuditFeed(): AuditFeed {
  const transport = useTransport();
  const feed = useMemo(() => new AuditFeed(transport), [transport]);
  useEffect(() => feed.open(), [feed]);
  useSyncExternalStore(feed.subscribe, feed.getVersion);
  return feed;
}

/** What is wrong with what was asked for: the argument, or "" for none in particular, and words for people. */
export interface Problem {
  readonly field: string;
  readonly message: string;
}

/** Does something; resolves with what was wrong, null when it is done. */
export type Deed<Variables> = (variables: Variables) => Promise<Problem | null>;

interface Result {
  readonly errors: readonly Problem[];
}

function useDeed<Data, Variables extends AnyVariables>(
  document: TypedDocumentNode<Data, Variables>,
  resultOf: (data: Data) => Result,
): Deed<Variables> {
  const [, execute] = useMutation(document);
  return async (variables) => {
    const { data, error } = await execute(variables);
    return findProblem(data ? resultOf(data) : null, error);
  };
}

function findProblem(
  result: Result | null,
  error: Parameters<typeof failureOf>[0] | undefined,
): Problem | null {
  if (error !== undefined) {
    const { kind, message } = failureOf(error);
    return { field: "", message: kind === "unreachable" ? "The server does not answer." : message };
  }
  return result?.errors[0] ?? null;
}

export function usePutMember(): Deed<{ readonly email: string; readonly role: Role }> {
  return useDeed(PutMemberDocument, ({ putMember }) => putMember);
}

export function useRemoveMember(): Deed<{ readonly email: string }> {
  return useDeed(RemoveMemberDocument, ({ removeMember }) => removeMember);
}

export function useRevokeApiKey(): Deed<{ readonly id: string }> {
  return useDeed(RevokeApiKeyDocument, ({ revokeApiKey }) => revokeApiKey);
}

export function useCreateAccount(): Deed<{ readonly email: string; readonly password: string }> {
  return useDeed(CreateAccountDocument, ({ createAccount }) => createAccount);
}

export function useSetAccountDisabled(): Deed<{
  readonly email: string;
  readonly isDisabled: boolean;
}> {
  return useDeed(SetAccountDisabledDocument, ({ setAccountDisabled }) => setAccountDisabled);
}

/** Makes an account an admin of any project, also of one that has none left. */
export function useAppointAdmin(): Deed<{ readonly project: string; readonly email: string }> {
  return useDeed(AppointAdminDocument, ({ appointAdmin }) => appointAdmin);
}

export function useCreateProject(): Deed<{ readonly name: string; readonly slug: string }> {
  return useDeed(CreateProjectDocument, ({ createProject }) => createProject);
}

/** Gives the project that the page is about another name. */
export function useRenameProject(): Deed<{ readonly name: string }> {
  return useDeed(RenameProjectDocument, ({ renameProject }) => renameProject);
}

/** Ends one of one's own logins; null: all of them, this one too. */
export function useEndLogins(): Deed<{ readonly id: string | null }> {
  return useDeed(EndSessionsDocument, ({ endSessions }) => endSessions);
}

export function useChangePassword(): Deed<{
  readonly currentPassword: string;
  readonly newPassword: string;
}> {
  return useDeed(ChangePasswordDocument, ({ changePassword }) => changePassword);
}

export interface NewKey {
  readonly name: string;
  readonly scope: Scope;
  /** The slug of the project that the page shows, so that it is made in no other. */
  readonly project: string;
  /** null: it does not end by itself. */
  readonly expiresAt: string | null;
}

/** Makes a key; resolves with its text, which nobody is shown again, or with what was wrong. */
export function useCreateApiKey(): (
  input: NewKey,
) => Promise<{ readonly key: string | null; readonly problem: Problem | null }> {
  const [, execute] = useMutation(CreateApiKeyDocument);
  return async (input) => {
    const { data, error } = await execute({ input });
    return {
      key: data?.createApiKey.key ?? null,
      problem: findProblem(data?.createApiKey ?? null, error),
    };
  };
}
