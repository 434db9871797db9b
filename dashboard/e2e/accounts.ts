import { createHmac, randomBytes } from "node:crypto";
import { type BrowserContext, expect, type Page } from "@playwright/test";
import { TestServer } from "./server";

/** Signs the tokens of the servers here: so that a test can make one that ends soon. */
const SECRET_KEY = "d41c7f0e52a94b8fb6e3a1905c7d28e6f3b0a95817c46d2e";
const STORED = "agenttrace.session";
const PASSWORD = "seven green boats at dawn";

export interface Person {
  readonly email: string;
  readonly password: string;
}

export interface Pair {
  readonly access: string;
  readonly refresh: string;
}

/** A server with accounts, and what its first one may do; other people come by themselves or are made. */
export class Office {
  readonly server: TestServer;
  readonly operator: Person = { email: "olive@example.org", password: PASSWORD };

  private constructor(server: TestServer) {
    this.server = server;
  }

  static async open(settings: Readonly<Record<string, string>> = {}): Promise<Office> {
    return new Office(
      await TestServer.startWith({ SECRET_KEY, TRUSTED_PROXIES: "127.0.0.1", ...settings }),
    );
  }

  /** The same with its first account. */
  static async openWithOperator(settings: Readonly<Record<string, string>> = {}): Promise<Office> {
    const office = await Office.open(settings);
    const { setupToken } = office.server;
    const answer = await office.post("register", { ...office.operator, setup_token: setupToken });
    expect(answer.status).toBe(201);
    return office;
  }

  post(
    door: string,
    body: unknown,
    access?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(`${this.server.url}/api/auth/${door}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(access === undefined ? {} : { authorization: `Bearer ${access}` }),
        ...more,
      },
      body: JSON.stringify(body),
    });
  }

  /** Log in as a program does, each time from an address of its own: one address has twenty tries a minute. */
  async logIn({ email, password }: Person): Promise<Pair> {
    const from = { "x-forwarded-for": `10.${[...randomBytes(3)].join(".")}` };
    const answer = await this.post("token", { email, password }, undefined, from);
    expect(answer.status).toBe(200);
    const body = (await answer.json()) as { access_token: string; refresh_token: string };
    return { access: body.access_token, refresh: body.refresh_token };
  }

  /** Ask over GraphQL; throws when anything is wrong. */
  async ask(
    access: string,
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
    project?: string,
  ): Promise<Readonly<Record<string, unknown>>> {
    const answer = await fetch(`${this.server.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${access}`,
        ...(project === undefined ? {} : { "x-agenttrace-project": project }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const text = await answer.text();
    const { data, errors } = JSON.parse(text) as { data: never; errors?: unknown };
    if (errors !== undefined || !/"errors":\[\]|^(?!.*"errors")/s.test(text))
      throw new Error(`It answered ${answer.status}: ${text.slice(0, 2000)}`);
    return data;
  }

  /** Make an account with a role in the project `default`. */
  async hire(role: "VIEWER" | "MEMBER" | "ADMIN" | null, access: string): Promise<Person> {
    const person = { email: `p${randomBytes(4).toString("hex")}@example.org`, password: PASSWORD };
    const make = "mutation ($email: String!, $password: String!) ";
    await this.ask(
      access,
      `${make} { createAccount(email: $email, password: $password) { errors { message } } }`,
      { ...person },
    );
    if (role !== null) {
      const put = "mutation ($email: String!, $role: ProjectRole!) ";
      await this.ask(
        access,
        `${put} { putMember(email: $email, role: $role) { errors { message } } }`,
        {
          email: person.email,
          role,
        },
      );
    }
    return person;
  }

  /** Make a key of the project `default`. */
  async makeKey(access: string): Promise<string> {
    const query =
      'mutation { createApiKey(input: {name: "recorder", scope: INGEST}) { key errors { message } } }';
    const { createApiKey } = await this.ask(access, query);
    return (createApiKey as { key: string }).key;
  }

  /** Put a login into a browser, as the dashboard keeps it. */
  async seat(context: BrowserContext, { access, refresh }: Pair): Promise<void> {
    const tokens = { access, refresh, expiresAtMs: Date.now() + 3_600_000, login: "seated" };
    // Once, or a reload would bring back what the page has changed.
    await context.addInitScript(
      ([key, text]) => {
        if (localStorage.getItem("seated") !== null) return;
        localStorage.setItem("seated", "1");
        localStorage.setItem(key, text);
      },
      [STORED, JSON.stringify(tokens)] as const,
    );
  }

  /** The same login, but its access token ends in so many seconds. */
  shorten({ access, refresh }: Pair, seconds: number): Pair {
    const [head = "", body = ""] = access.split(".");
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const short = Buffer.from(JSON.stringify({ ...claims, exp })).toString("base64url");
    const seal = createHmac("sha256", SECRET_KEY).update(`${head}.${short}`).digest("base64url");
    return { access: `${head}.${short}.${seal}`, refresh };
  }
}

/** Type address and password into the page that asks for them. */
export async function signIn(page: Page, { email, password }: Person): Promise<void> {
  const form = page.getByRole("form", { name: "Sign in" });
  await form.getByLabel("E-mail address").fill(email);
  await form.getByLabel("Password").fill(password);
  await form.getByRole("button", { name: "Sign in" }).click();
}
