import { useEffect, useState } from "react";
import type { Openness } from "@/model/openness";
import type { OutReason } from "@/model/session";
import { useSession } from "@/session/context";
import { Logo } from "../shell/logo";
import { usePageTitle } from "../shell/page-title";
import { ThemeButton } from "../shell/theme-button";
import { LoginForm } from "./login-form";
import { RegisterForm } from "./register-form";

const SAID: Record<OutReason, string | null> = {
  asked: null,
  ended: "Your login has ended. Sign in to go on where you were.",
  left: "You are signed out.",
  untold:
    "You are signed out in this browser. The server did not answer, so it was not told: there the login ends by " +
    "itself within 14 days.",
};
const CLOSED = "Nobody can register here. An operator of this server makes the accounts.";
const TO_REGISTER = "/register";

/** Stands in the place of a page until somebody is signed in; the address stays that of the page. */
export function LoginPage({ reason }: { readonly reason: OutReason }) {
  const openness = useOpenness();
  const [chosen, setChosen] = useState<"sign in" | "register" | null>(null);
  const isAsked = location.pathname === TO_REGISTER;
  const isRegistering =
    openness !== "closed" &&
    (chosen === null ? isAsked || openness === "setup" : chosen === "register");
  const title = isRegistering ? titleOf(openness) : "Sign in to AgentTrace";
  usePageTitle(isRegistering ? title : "Sign in");
  const said = isAsked && openness === "closed" ? CLOSED : SAID[reason];
  return (
    <div className="flex h-full flex-col overflow-auto">
      <div className="flex justify-end p-2">
        <ThemeButton />
      </div>
      <main className="mx-auto my-auto w-full max-w-96 px-4 pb-24">
        <div className="mb-5 flex items-center gap-2.5">
          <Logo size={28} />
          <div className="min-w-0">
            <h1 className="font-semibold text-lg">{title}</h1>
            <p className="truncate text-dim text-sm">{location.host}</p>
          </div>
        </div>
        {said !== null && !isRegistering && (
          <p role="status" className="mb-4 rounded-md bg-warn-soft px-3 py-2 text-sm text-warn">
            {said}
          </p>
        )}
        <div className="rounded-xl border border-line bg-surface p-5 shadow-(--shadow)">
          {isRegistering ? <RegisterForm openness={openness ?? null} /> : <LoginForm />}
        </div>
        {isRegistering ? (
          <Other ask="You have an account?" act="Sign in" onTake={() => setChosen("sign in")} />
        ) : (
          (openness === "open" || openness === "setup") && (
            <Other
              ask={openness === "open" ? "No account yet?" : "There is no account yet."}
              act={openness === "open" ? "Create an account" : "Create the first"}
              onTake={() => setChosen("register")}
            />
          )
        )}
      </main>
    </div>
  );
}

function Other({
  ask,
  act,
  onTake,
}: {
  readonly ask: string;
  readonly act: string;
  readonly onTake: () => void;
}) {
  return (
    <p className="mt-4 text-center text-dim text-sm">
      {ask}{" "}
      <button type="button" onClick={onTake} className="text-accent hover:underline">
        {act}
      </button>
    </p>
  );
}

/** Who may register; undefined until it is known, null when the server does not say. */
function useOpenness(): Openness | null | undefined {
  const session = useSession();
  const [openness, setOpenness] = useState<Openness | null>();
  useEffect(() => {
    let isLeft = false;
    void session.readOpenness().then((found) => {
      if (!isLeft) setOpenness(found);
    });
    return () => {
      isLeft = true;
    };
  }, [session]);
  return openness;
}

function titleOf(openness: Openness | null | undefined): string {
  return openness === "setup" ? "Create the first account" : "Create an account";
}
