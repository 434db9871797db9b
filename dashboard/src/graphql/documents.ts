import { graphql } from "./generated";

export const RunRowFragment = graphql(/* GraphQL */ `
  fragment RunRow on Run {
    id
    name
    status
    correlationId
    tags
    startTime
    durationMs
    dropped {
      reason
      count
    }
    totals {
      spans
      llmCalls
      toolCalls
      errors
      promptTokens
      completionTokens
      cachedTokens
      totalTokens
      tokensEstimated
      costUsd
    }
  }
`);

// In this order a long tree is a little shorter when it is compressed: what is often alike stands together.
export const SpanRowFragment = graphql(/* GraphQL */ `
  fragment SpanRow on Span {
    spanId
    parentSpanId
    seq
    offsetMs
    durationMs
    name
    type
    status
    model
    costSource
    costUsd
    usage {
      source
      promptTokens
      completionTokens
      totalTokens
    }
  }
`);

export const RunsDocument = graphql(/* GraphQL */ `
  query Runs($filter: RunFilter, $orderBy: RunOrder, $first: Int, $after: String) {
    runs(filter: $filter, orderBy: $orderBy, first: $first, after: $after) {
      cursor
      totalCount
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        node {
          ...RunRow
        }
      }
    }
  }
`);

export const RunChangesDocument = graphql(/* GraphQL */ `
  subscription RunChanges($filter: RunFilter, $after: String) {
    runChanges(filter: $filter, after: $after) {
      cursor
      gap {
        to
      }
      changes {
        kind
        runId
        matches
        run {
          ...RunRow
        }
      }
    }
  }
`);

export const RunSnapshotDocument = graphql(/* GraphQL */ `
  query RunSnapshot($id: ID!) {
    run(id: $id) {
      ...RunRow
      cursor
      spanTree {
        ...SpanRow
      }
    }
  }
`);

export const RunEventsDocument = graphql(/* GraphQL */ `
  subscription RunEvents($runId: ID!, $after: String) {
    runEvents(runId: $runId, after: $after) {
      cursor
      hasMorePast
      events {
        __typename
        ... on SpanStarted {
          span {
            ...SpanRow
          }
        }
        ... on SpanUpdated {
          span {
            ...SpanRow
          }
          chunk {
            seq
          }
        }
        ... on SpanEnded {
          span {
            ...SpanRow
          }
        }
        ... on RunUpdated {
          run {
            ...RunRow
          }
        }
        ... on RunEnded {
          run {
            ...RunRow
          }
        }
      }
    }
  }
`);

export const ErrorFieldsFragment = graphql(/* GraphQL */ `
  fragment ErrorFields on SpanError {
    type
    message
    traceback
    notes
  }
`);

export const ErrorChainFragment = graphql(/* GraphQL */ `
  fragment ErrorChain on SpanError {
    ...ErrorFields
    cause {
      ...ErrorFields
      cause {
        ...ErrorFields
        cause {
          ...ErrorFields
          cause {
            ...ErrorFields
          }
        }
      }
    }
  }
`);

export const PayloadHeadFragment = graphql(/* GraphQL */ `
  fragment PayloadHead on Payload {
    codec
    fidelity
    bytes
    storedBytes
    sha256
    preview {
      text
      bytes
      isWhole
    }
  }
`);

export const RunDetailDocument = graphql(/* GraphQL */ `
  query RunDetail($id: ID!) {
    run(id: $id) {
      id
      startTime
      endTime
      attributes
      resource
      replayedFrom {
        id
        name
      }
      usageByModel {
        model
        calls
        promptTokens
        completionTokens
        totalTokens
        tokensEstimated
        costUsd
      }
      error {
        ...ErrorChain
      }
      input {
        ...PayloadHead
      }
      output {
        ...PayloadHead
      }
    }
  }
`);

export const RunPayloadsDocument = graphql(/* GraphQL */ `
  query RunPayloads($id: ID!, $input: Boolean!, $output: Boolean!) {
    run(id: $id) {
      id
      input @include(if: $input) {
        json
      }
      output @include(if: $output) {
        json
      }
    }
  }
`);

export const SpanDetailDocument = graphql(/* GraphQL */ `
  query SpanDetail($id: ID!) {
    span(id: $id) {
      id
      startTime
      endTime
      endSeq
      lane
      effect
      outcome
      costSource
      attributes
      replayKey
      inputHash
      usage {
        promptTokens
        completionTokens
        totalTokens
        cachedTokens
        cacheWriteTokens
        reasoningTokens
        source
      }
      error {
        ...ErrorChain
      }
      input {
        ...PayloadHead
      }
      output {
        ...PayloadHead
      }
    }
  }
`);

export const SpanPayloadsDocument = graphql(/* GraphQL */ `
  query SpanPayloads($id: ID!, $input: Boolean!, $output: Boolean!) {
    span(id: $id) {
      id
      input @include(if: $input) {
        json
      }
      output @include(if: $output) {
        json
      }
    }
  }
`);

export const SpanEventsDocument = graphql(/* GraphQL */ `
  query SpanEvents($id: ID!, $first: Int!, $after: String) {
    span(id: $id) {
      id
      events(first: $first, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        edges {
          node {
            seq
            time
            offsetMs
            name
            body {
              json
              bytes
              fidelity
            }
          }
        }
      }
    }
  }
`);

export const SearchDocument = graphql(/* GraphQL */ `
  query Search($text: String!, $first: Int!, $after: String) {
    search(text: $text, first: $first, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      edges {
        cursor
        snippet
        node {
          id
          spanId
          name
          type
          status
          startTime
          model
          run {
            id
            name
          }
        }
      }
    }
    server {
      searchLag
    }
  }
`);
