// Deliveries: who was told, what the other side answered; and the local mailbox where there is one.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Delivery, DeliveryPage, Mail, MailPage } from "../contract.gen";
import { api, mailUrl } from "../api/client";
import { Ago, Asked, Empty, Skeleton, When } from "../pieces/basics";
import { Back, Deliveries as DeliveriesIcon, Hook, Mail as MailIcon } from "../pieces/icons";
import { amend, useAsk } from "../state/ask";
import type { Route } from "../state/route";
import { exact } from "../logic/time";
import { mailPicture } from "../logic/mime";
import { deliveryText, many } from "../logic/words";

export function DeliveriesPlace({ route }: { route: Route }) {
  const mails = useAsk<MailPage>("mailbox", () => api.mailbox(), ["delivery"]);
  const inMailbox = route.rest[0] === "mailbox";
  return (
    <div class={`page${inMailbox ? " page-wide" : ""}`}>
      <header class="page-head">
        <h1 class="place-title">Deliveries</h1>
        {(mails.data?.enabled || inMailbox) && (
          <nav class="tabs" aria-label="Deliveries or mailbox">
            <a class="tab" href="/deliveries" aria-current={inMailbox ? undefined : "true"}>
              Attempts
            </a>
            <a class="tab" href="/deliveries/mailbox" aria-current={inMailbox ? "true" : undefined}>
              Mailbox <span class="count num">{mails.data?.mails.length ?? "·"}</span>
            </a>
          </nav>
        )}
      </header>
      {inMailbox ? (
        <Asked view={mails} what="The mailbox" waiting={<Skeleton lines={5} />}>
          {(page) => <Mailbox page={page} chosen={route.rest[1]} />}
        </Asked>
      ) : (
        <AllDeliveries />
      )}
    </div>
  );
}

function AllDeliveries() {
  const view = useAsk<DeliveryPage>(
    "deliveries",
    () => api.deliveries(new URLSearchParams({ limit: "100" })),
    ["delivery"],
  );
  const [more, setMore] = useState(false);
  const next = view.data?.next;
  const load = async () => {
    setMore(true);
    try {
      const page = await api.deliveries(new URLSearchParams({ limit: "100", cursor: next ?? "" }));
      amend<DeliveryPage>("deliveries", (now) => ({
        ...page,
        deliveries: [...now.deliveries, ...page.deliveries],
      }));
    } finally {
      setMore(false);
    }
  };
  return (
    <Asked view={view} what="Deliveries" waiting={<Skeleton lines={6} />}>
      {({ deliveries }) =>
        deliveries.length === 0 ? (
          <Empty title="Nobody was told yet" art={<DeliveriesIcon />}>
            <p>
              When an incident opens, the recipients of its rule are told by e-mail or webhook. Name
              them in the hub's configuration:
            </p>
            <pre>{'notify:\n  rules:\n    - rule: "*"\n      email: [guard@example.org]'}</pre>
          </Empty>
        ) : (
          <>
            <ul class="deliveries">
              {deliveries.map((d) => (
                <DeliveryRow key={d.id} one={d} />
              ))}
            </ul>
            {next && (
              <button type="button" class="button" disabled={more} onClick={() => void load()}>
                Show more
              </button>
            )}
          </>
        )
      }
    </Asked>
  );
}

function DeliveryRow({ one }: { one: Delivery }) {
  const last = one.attempts[one.attempts.length - 1];
  return (
    <li class={`delivery delivery-${one.state}`}>
      <span class="delivery-icon" title={one.channel}>
        {one.channel === "email" ? <MailIcon /> : <Hook />}
        <span class="unseen">{one.channel}</span>
      </span>
      <div class="delivery-what">
        <a href={`/incidents/${one.incident}?state=all`} dir="auto">
          {one.subject ?? "Incident"}
        </a>
        <span class="quiet" dir="auto">
          {one.target}
        </span>
      </div>
      <div class="delivery-state">
        <span class={`told-state delivery-${one.state}`}>{deliveryText[one.state]}</span>
        <span class="quiet small">
          {one.state === "waiting" && one.next_attempt_at ? (
            <>
              next try <When at={one.next_attempt_at} />
            </>
          ) : (
            <Ago at={last?.at ?? one.created_at} suffix=" ago" />
          )}
        </span>
      </div>
      {(one.attempts.length > 1 || one.state === "failed" || one.state === "waiting") &&
        one.attempts.length > 0 && (
          <details class="attempts" open={one.state === "failed"}>
            <summary>{many(one.attempts.length, "attempt")}</summary>
            <ol>
              {one.attempts.map((a, n) => (
                <li key={n}>
                  <When at={a.at} />{" "}
                  <span class={a.ok ? "good-text" : "bad-text"}>{a.ok ? "taken" : "refused"}</span>{" "}
                  <span class="quiet mono" dir="auto">
                    {a.answer}
                  </span>
                </li>
              ))}
            </ol>
          </details>
        )}
    </li>
  );
}

function Mailbox({ page, chosen }: { page: MailPage; chosen: string | undefined }) {
  if (!page.enabled)
    return (
      <Empty title="No mailbox here">
        <p>
          The local mailbox is part of the demonstration. This site's mail goes to its own server.
        </p>
      </Empty>
    );
  if (!page.mails.length)
    return (
      <Empty title="No mail yet" art={<MailIcon />}>
        <p>
          Mail the hub sends while the demonstration runs arrives here instead of leaving this
          machine.
        </p>
      </Empty>
    );
  /* With room beside the list the newest is open at once. */
  const mail = page.mails.find((m) => m.id === chosen) ?? (chosen ? undefined : page.mails[0]);
  return (
    <div class={`mailbox${chosen ? " with-chosen" : ""}`}>
      <ul class="mails">
        {page.mails.map((m) => (
          <li key={m.id}>
            <a
              class="mail-row"
              href={`/deliveries/mailbox/${encodeURIComponent(m.id)}`}
              aria-current={m.id === mail?.id ? "true" : undefined}
            >
              <span class="mail-top">
                <strong dir="auto">{m.subject}</strong>
                <Ago at={m.at} />
              </span>
              <span class="quiet" dir="auto">
                {m.to.join(", ")}
              </span>
            </a>
          </li>
        ))}
      </ul>
      <div class="mail-side">
        {mail ? (
          <OneMail key={mail.id} mail={mail} />
        ) : (
          <div class="detail-none">
            <p>This mail is not here any more.</p>
          </div>
        )}
      </div>
    </div>
  );
}

function OneMail({ mail }: { mail: Mail }) {
  return (
    <article class="mail" aria-label={mail.subject}>
      <a class="back phone-only" href="/deliveries/mailbox">
        <Back />
        Mailbox
      </a>
      <h2 dir="auto">{mail.subject}</h2>
      <p class="quiet">
        <bdi>{mail.from}</bdi> to <bdi>{mail.to.join(", ")}</bdi>
        <br />
        <span class="num">{exact(mail.at)}</span>
      </p>
      {mail.has_picture && <MailPicture id={mail.id} />}
      <div class="mail-text" dir="auto">
        {linked(mail.text ?? "")}
      </div>
      <p>
        <a href={mailUrl(mail.id)} target="_blank" rel="noopener">
          As it arrived
        </a>
      </p>
    </article>
  );
}

/** Links of the mail that lead to this hub open here; others are left as text. */
function linked(text: string) {
  return text.split(/(https?:\/\/\S+)/).map((part, n) => {
    const path = /^https?:\/\/[^/]+(\/incidents\/[0-9A-Z]{26})$/.exec(part)?.[1];
    return path ? (
      <a key={n} href={`${path}?state=all`}>
        {part}
      </a>
    ) : (
      part
    );
  });
}

function MailPicture({ id }: { id: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const cut = new AbortController();
    const show = async () => {
      const answer = await fetch(mailUrl(id), { credentials: "same-origin", signal: cut.signal });
      const bytes = mailPicture(await answer.text());
      const el = canvas.current;
      if (!bytes || !el) return setFailed(true);
      const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
      el.width = picture.width;
      el.height = picture.height;
      el.getContext("2d")?.drawImage(picture, 0, 0);
    };
    show().catch(() => !cut.signal.aborted && setFailed(true));
    return () => cut.abort();
  }, [id]);
  if (failed) return <p class="quiet">Its picture could not be shown here.</p>;
  return (
    <canvas
      ref={canvas}
      class="mail-picture"
      width="4"
      height="3"
      role="img"
      aria-label="Picture attached to the mail"
    />
  );
}
