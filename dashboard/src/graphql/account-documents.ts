import { graphql } from "./generated";

export const ViewerDocument = graphql(/* GraphQL */ `
  query Viewer {
    viewer {
      id
      kind
      name
      role
      isOperator
      project {
        ...ProjectRow
      }
    }
    projects {
      ...ProjectRow
    }
    server {
      version
      environment
      retentionDays
    }
  }
`);

export const ProjectRowFragment = graphql(/* GraphQL */ `
  fragment ProjectRow on Project {
    id
    name
    slug
    createdAt
  }
`);

export const MembersDocument = graphql(/* GraphQL */ `
  query Members {
    members {
      id
      email
      role
      isDisabled
    }
  }
`);

export const PutMemberDocument = graphql(/* GraphQL */ `
  mutation PutMember($email: String!, $role: ProjectRole!) {
    putMember(email: $email, role: $role) {
      errors {
        field
        message
      }
    }
  }
`);

export const RemoveMemberDocument = graphql(/* GraphQL */ `
  mutation RemoveMember($email: String!) {
    removeMember(email: $email) {
      errors {
        field
        message
      }
    }
  }
`);

export const ApiKeysDocument = graphql(/* GraphQL */ `
  query ApiKeys {
    apiKeys {
      id
      name
      scope
      prefix
      createdBy
      createdAt
      expiresAt
      lastUsedAt
      revokedAt
    }
  }
`);

export const CreateApiKeyDocument = graphql(/* GraphQL */ `
  mutation CreateApiKey($input: ApiKeyInput!) {
    createApiKey(input: $input) {
      key
      errors {
        field
        message
      }
    }
  }
`);

export const RevokeApiKeyDocument = graphql(/* GraphQL */ `
  mutation RevokeApiKey($id: ID!) {
    revokeApiKey(id: $id) {
      errors {
        field
        message
      }
    }
  }
`);

export const AccountsDocument = graphql(/* GraphQL */ `
  query Accounts {
    accounts {
      id
      email
      isOperator
      isDisabled
      createdAt
      lastLoginAt
      liveKeys {
        project
        count
      }
    }
  }
`);

export const AppointAdminDocument = graphql(/* GraphQL */ `
  mutation AppointAdmin($project: String!, $email: String!) {
    appointAdmin(project: $project, email: $email) {
      errors {
        field
        message
      }
    }
  }
`);

export const CreateAccountDocument = graphql(/* GraphQL */ `
  mutation CreateAccount($email: String!, $password: String!) {
    createAccount(email: $email, password: $password) {
      errors {
        field
        message
      }
    }
  }
`);

export const SetAccountDisabledDocument = graphql(/* GraphQL */ `
  mutation SetAccountDisabled($email: String!, $isDisabled: Boolean!) {
    setAccountDisabled(email: $email, isDisabled: $isDisabled) {
      errors {
        field
        message
      }
    }
  }
`);

export const CreateProjectDocument = graphql(/* GraphQL */ `
  mutation CreateProject($name: String!, $slug: String!) {
    createProject(name: $name, slug: $slug) {
      errors {
        field
        message
      }
    }
  }
`);

export const RenameProjectDocument = graphql(/* GraphQL */ `
  mutation RenameProject($name: String!) {
    renameProject(name: $name) {
      errors {
        field
        message
      }
    }
  }
`);

export const SessionsDocument = graphql(/* GraphQL */ `
  query Sessions {
    sessions {
      id
      isCurrent
      refreshedAt
      expiresAt
      client
      address
    }
  }
`);

export const EndSessionsDocument = graphql(/* GraphQL */ `
  mutation EndSessions($id: ID) {
    endSessions(id: $id) {
      errors {
        field
        message
      }
    }
  }
`);

export const ChangePasswordDocument = graphql(/* GraphQL */ `
  mutation ChangePassword($currentPassword: String!, $newPassword: String!) {
    changePassword(currentPassword: $currentPassword, newPassword: $newPassword) {
      errors {
        field
        message
      }
    }
  }
`);

export const AuditLogDocument = graphql(/* GraphQL */ `
  query AuditLog($first: Int!, $after: String) {
    auditLog(first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          id
          at
          actorKind
          actorName
          action
          target
          address
          requestId
        }
      }
    }
  }
`);
