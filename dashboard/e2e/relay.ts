import type { Page, WebSocketRoute } from "@playwright/test";

interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: { readonly variables?: { readonly after?: string | null } };
}

/** Stands between the page's WebSockets and the real server: what passes is known, and can be cut or changed. */
export class Relay {
  /** The cursors that the page subscribed from, in order. */
  readonly askedAfter: (string | null)[] = [];
  /** The cursors that the server told the page, in order. */
  readonly toldCursors: string[] = [];
  /** So many subscriptions from now on are sent on with a cursor that is none. */
  spoilt = 0;
  /** Every subscription is answered with an error, and the server hears of none. */
  isFailing = false;
  #page: WebSocketRoute | null = null;
  #operation = "";

  private constructor() {}

  static async place(page: Page): Promise<Relay> {
    const relay = new Relay();
    await page.routeWebSocket("**/graphql", (socket) => {
      relay.#page = socket;
      const server = socket.connectToServer();
      socket.onMessage((text) => {
        const passed = relay.#pass(text.toString());
        if (passed === null) relay.fail();
        else server.send(passed);
      });
      server.onMessage((text) => {
        const cursor = /"cursor":"([^"]+)"/.exec(text.toString())?.[1];
        if (cursor !== undefined) relay.toldCursors.push(cursor);
        socket.send(text);
      });
    });
    return relay;
  }

  #pass(text: string): string | null {
    const message = JSON.parse(text) as Message;
    if (message.type !== "subscribe") return text;
    this.#operation = message.id ?? "";
    const { variables } = message.payload ?? {};
    this.askedAfter.push(variables?.after ?? null);
    if (this.isFailing) return null;
    if (this.spoilt === 0) return text;
    this.spoilt -= 1;
    const payload = { ...message.payload, variables: { ...variables, after: "no-cursor" } };
    return JSON.stringify({ ...message, payload });
  }

  /** Close the page's socket as a proxy does that restarts; the server stays. */
  async cut(): Promise<void> {
    await this.#page?.close({ code: 1001, reason: "going away" });
  }

  /** Tell the page what the server tells when it runs into a defect of its own. */
  fail(): void {
    const error = {
      message: "Internal error 7f3a; the server's log has the details.",
      extensions: { code: "INTERNAL" },
    };
    this.#page?.send(JSON.stringify({ id: this.#operation, type: "error", payload: [error] }));
  }
}
