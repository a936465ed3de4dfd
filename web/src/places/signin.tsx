// Signing in: alone at the start, or over a page whose session ended, so that nothing on it is lost.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Failure } from "../api/client";
import { Mark } from "../pieces/icons";
import { signedIn, useApp, useNow } from "../state/app";

/** Over a page in use it is the topmost modal: above any dialog that was open, which stays as it was. */
export function SignIn({ again }: { again?: string }) {
  const over = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = over.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  if (!again) return <SignInForm />;
  return (
    <dialog
      ref={over}
      class="signin-over"
      aria-label="Sign in again"
      onCancel={(e) => e.preventDefault()}
    >
      <SignInForm again={again} />
    </dialog>
  );
}

function SignInForm({ again }: { again?: string }) {
  const { health } = useApp();
  const now = useNow();
  const [name, setName] = useState(again ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const [waitUntil, setWaitUntil] = useState(0);
  const first = useRef<HTMLInputElement>(null);
  const second = useRef<HTMLInputElement>(null);
  useEffect(() => (again ? second : first).current?.focus(), []);
  const waitS = Math.max(0, Math.ceil((waitUntil - now) / 1000));
  const send = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      signedIn((await api.signIn({ name: name.trim(), password })).user);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      setFailure(error);
      if (error.status === 429) setWaitUntil(Date.now() + (error.retryAfterS || 60) * 1000);
      if (error.status === 401) second.current?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="signin">
      <form
        class="signin-form"
        aria-label="Sign in"
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <Mark size={40} />
        <h1>{again ? "Sign in again" : "Vedette"}</h1>
        <p class="quiet">
          {again ? (
            "Your session ended. What you were doing is still here, behind this."
          ) : health ? (
            <bdi>{health.site}</bdi>
          ) : (
            "Sign in"
          )}
        </p>
        {failure && (
          <div class="failure" role="alert">
            <p class="failure-fact">{failure.body.fact}</p>
            {waitS > 0 ? (
              <p class="failure-hint">
                Try again in <span class="num">{waitS} s</span>.
              </p>
            ) : (
              failure.body.hint && <p class="failure-hint">{failure.body.hint}</p>
            )}
          </div>
        )}
        <label class="field">
          <span>Name</span>
          <input
            ref={first}
            class="input"
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            maxLength={128}
            value={name}
            onInput={(e) => setName(e.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Password</span>
          <input
            ref={second}
            class="input"
            type="password"
            name="password"
            autocomplete="current-password"
            required
            maxLength={1024}
            value={password}
            onInput={(e) => setPassword(e.currentTarget.value)}
          />
        </label>
        <button class="button primary" type="submit" disabled={busy || waitS > 0}>
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
      {!again && (
        <p class="signin-foot quiet small">
          The first start of the hub printed the administrator's password.
        </p>
      )}
    </main>
  );
}
