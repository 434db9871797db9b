import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { useKnownAnswer } from "./known";

/** The addresses that lead to the login: for who is in already, or needs none, the way on. */
export function Entrance() {
  const isKnown = useKnownAnswer().data !== null;
  const navigate = useNavigate();
  useEffect(() => {
    if (isKnown) void navigate({ to: "/", replace: true });
  }, [isKnown, navigate]);
  return <div aria-busy="true" />;
}
