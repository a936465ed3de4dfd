// Settings: who I am, my password, who else may come in, and what this site is.
import { useState } from "preact/hooks";
import type { Role, UserPage } from "../contract.gen";
import { role_words } from "../contract.gen";
import { api, Failure } from "../api/client";
import { Asked, Dialog, FailureBox, Skeleton, useSending } from "../pieces/basics";
import { Plus } from "../pieces/icons";
import { day, exact } from "../logic/time";
import { refresh, useAsk } from "../state/ask";
import { notice, signOut, useApp } from "../state/app";

const roleText: Record<Role, string> = {
  administrator: "Administrator",
  operator: "Operator",
  viewer: "Viewer",
};
const roleMeaning: Record<Role, string> = {
  administrator: "may change users and devices",
  operator: "decides on incidents",
  viewer: "may look",
};
const PASSWORD_MIN = 10;

export function SettingsPlace() {
  const { user, health } = useApp();
  const { failure, send } = useSending();
  if (!user) return null;
  return (
    <div class="page page-narrow">
      <header class="page-head">
        <h1 class="place-title">Settings</h1>
      </header>
      <section class="card" aria-label="You">
        <div class="card-head">
          <h2>You</h2>
          <button type="button" class="button small" onClick={() => send(signOut)}>
            Sign out
          </button>
        </div>
        {failure && <FailureBox failure={failure} />}
        <dl class="facts">
          <dt>Name</dt>
          <dd>
            <bdi>{user.name}</bdi>
          </dd>
          <dt>Role</dt>
          <dd>
            {roleText[user.role]} <span class="quiet">{roleMeaning[user.role]}</span>
          </dd>
          {user.email && (
            <>
              <dt>E-mail</dt>
              <dd>
                <bdi>{user.email}</bdi>
              </dd>
            </>
          )}
        </dl>
      </section>
      <Password />
      {user.role === "administrator" && <Users />}
      <section class="card" aria-label="Site">
        <h2>Site</h2>
        <dl class="facts">
          <dt>Name</dt>
          <dd>
            <bdi>{health?.site}</bdi>
          </dd>
          <dt>Time zone</dt>
          <dd>
            {health?.time_zone} <span class="quiet">all times on this page</span>
          </dd>
          <dt>Hub</dt>
          <dd class="num">{health?.version}</dd>
        </dl>
      </section>
    </div>
  );
}

function Password() {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const { busy, failure, send } = useSending();
  const change = () =>
    send(async () => {
      await api.changePassword({ old_password: old, new_password: next });
      setOld("");
      setNext("");
      notice("Your password is changed; your other sessions ended");
    });
  const tooShort = next.length > 0 && next.length < PASSWORD_MIN;
  return (
    <section class="card" aria-label="Password">
      <h2>Password</h2>
      <form
        class="form-row"
        onSubmit={(e) => {
          e.preventDefault();
          change();
        }}
      >
        <label class="field">
          <span>Now</span>
          <input
            class="input"
            type="password"
            autocomplete="current-password"
            required
            maxLength={1024}
            value={old}
            onInput={(e) => setOld(e.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>New</span>
          <input
            class="input"
            type="password"
            autocomplete="new-password"
            required
            minLength={PASSWORD_MIN}
            maxLength={1024}
            aria-describedby="password-rule"
            value={next}
            onInput={(e) => setNext(e.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button" disabled={busy || !old || next.length < PASSWORD_MIN}>
          Change
        </button>
      </form>
      <p id="password-rule" class={`small ${tooShort ? "warn-text" : "quiet"}`}>
        At least {PASSWORD_MIN} characters.
      </p>
      {failure && <FailureBox failure={failure} />}
    </section>
  );
}

function Users() {
  const view = useAsk<UserPage>("users", () => api.users(), ["site"]);
  const [adding, setAdding] = useState(false);
  return (
    <section class="card" aria-label="People">
      <div class="card-head">
        <h2>People</h2>
        <button type="button" class="button small" onClick={() => setAdding(true)}>
          <Plus />
          Add
        </button>
      </div>
      <Asked view={view} what="People" waiting={<Skeleton lines={2} />}>
        {({ users }) => (
          <ul class="users">
            {users.map((u) => (
              <li key={u.name}>
                <strong>
                  <bdi>{u.name}</bdi>
                </strong>
                <span class="quiet" dir="auto">
                  {u.email}
                </span>
                <span>{roleText[u.role]}</span>
                <span class="quiet small">
                  since{" "}
                  <time dateTime={u.created_at} title={exact(u.created_at)}>
                    {day(u.created_at)}
                  </time>
                </span>
              </li>
            ))}
          </ul>
        )}
      </Asked>
      {adding && <AddUser close={() => setAdding(false)} />}
    </section>
  );
}

function AddUser({ close }: { close: () => void }) {
  const [form, set] = useState({ name: "", email: "", role: "operator" as Role, password: "" });
  const { busy, failure, send } = useSending();
  const create = () =>
    send(async () => {
      const { email, ...rest } = form;
      await api.createUser(email ? { ...rest, email } : rest);
      refresh("site");
      notice(`${form.name} may sign in now`);
      close();
    });
  const edit =
    (name: keyof typeof form) => (e: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
      set({ ...form, [name]: e.currentTarget.value });
  return (
    <Dialog title="Add a person" close={close}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          create();
        }}
      >
        <label class="field">
          <span>Name</span>
          <input
            class="input"
            required
            maxLength={128}
            autocomplete="off"
            autocapitalize="none"
            value={form.name}
            onInput={edit("name")}
            autofocus
          />
        </label>
        <label class="field">
          <span>
            E-mail <span class="quiet">(optional)</span>
          </span>
          <input
            class="input"
            type="email"
            autocomplete="off"
            value={form.email}
            onInput={edit("email")}
          />
        </label>
        <label class="field">
          <span>Role</span>
          <select class="input select" value={form.role} onChange={edit("role")}>
            {role_words.map((r) => (
              <option key={r} value={r}>
                {roleText[r]}: {roleMeaning[r]}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>First password</span>
          <input
            class="input"
            type="password"
            autocomplete="new-password"
            required
            minLength={PASSWORD_MIN}
            maxLength={1024}
            value={form.password}
            onInput={edit("password")}
          />
        </label>
        {failure && <FailureBox failure={failure as Failure} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary" disabled={busy}>
            Add
          </button>
        </div>
      </form>
    </Dialog>
  );
}
