import { useState } from "react";
import type { OutReason } from "@/model/session";
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

/** Stands in the place of a page until somebody is signed in; the address stays that of the page. */
export function LoginPage({ reason }: { readonly reason: OutReason }) {
  const [isRegistering, setRegistering] = useState(location.pathname === "/register");
  usePageTitle(isRegistering ? "Register" : "Sign in");
  const said = SAID[reason];
  return (
    <div className="flex h-full flex-col overflow-auto">
      <div className="flex justify-end p-2">
        <ThemeButton />
      </div>
      <main className="mx-auto my-auto w-full max-w-96 px-4 pb-24">
        <div className="mb-5 flex items-center gap-2.5">
          <Logo size={28} />
          <div className="min-w-0">
            <h1 className="font-semibold text-lg">
              {isRegistering ? "Register" : "Sign in to AgentTrace"}
            </h1>
            <p className="truncate text-dim text-sm">{location.host}</p>
          </div>
        </div>
        {said !== null && !isRegistering && (
          <p role="status" className="mb-4 rounded-md bg-warn-soft px-3 py-2 text-sm text-warn">
            {said}
          </p>
        )}
        <div className="rounded-xl border border-line bg-surface p-5 shadow-(--shadow)">
          {isRegistering ? <RegisterForm /> : <LoginForm />}
        </div>
        <p className="mt-4 text-center text-dim text-sm">
          {isRegistering ? "You have an account?" : "No account yet?"}{" "}
          <button
            type="button"
            onClick={() => setRegistering(!isRegistering)}
            className="text-accent hover:underline"
          >
            {isRegistering ? "Sign in" : "Register"}
          </button>
        </p>
      </main>
    </div>
  );
}
