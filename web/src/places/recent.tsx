// The last incidents of a camera or a device, as its own history.
import type { Incident, IncidentPage } from "../contract.gen";
import { api } from "../api/client";
import { Ago, Asked, Skeleton } from "../pieces/basics";
import { Thumb } from "../pieces/picture";
import { SeverityMark } from "../pieces/icons";
import { useAsk } from "../state/ask";
import { stateText, verdictText } from "../logic/words";

const SHOWN = 6;

export function RecentIncidents({ device, camera }: { device: string; camera?: string }) {
  const query = new URLSearchParams(camera ? { device, camera } : { device });
  const ask = new URLSearchParams(query);
  ask.set("limit", String(SHOWN));
  const view = useAsk<IncidentPage>(`recent?${ask}`, () => api.incidents(ask), ["incident"]);
  query.set("state", "all");
  return (
    <section class="card" aria-label="Last incidents">
      <div class="card-head">
        <h2>Last incidents</h2>
        <a href={`/incidents?${query}`}>All of them</a>
      </div>
      <Asked view={view} what="Its incidents" waiting={<Skeleton lines={3} />}>
        {({ incidents }) =>
          incidents.length ? (
            <ul class="recent">
              {incidents.map((i) => (
                <RecentRow key={i.id} one={i} to={`/incidents/${i.id}?${query}`} place={!camera} />
              ))}
            </ul>
          ) : (
            <p class="quiet">None yet. They appear here by themselves.</p>
          )
        }
      </Asked>
    </section>
  );
}

function RecentRow({ one, to, place }: { one: Incident; to: string; place: boolean }) {
  const end =
    one.state === "resolved" && one.verdict ? verdictText[one.verdict] : stateText[one.state];
  return (
    <li>
      <a class="recent-link" href={to}>
        <Thumb key={one.snapshot} digest={one.snapshot} boxes={one.boxes} severity={one.severity} />
        <span class="recent-text">
          <span class="recent-top">
            <SeverityMark of={one.severity} />
            <span class="row-title" dir="auto">
              {one.title}
            </span>
          </span>
          <span class="quiet small">
            {place && (
              <>
                <bdi>{one.camera}</bdi> ·{" "}
              </>
            )}
            <Ago at={one.started_at} suffix=" ago" /> · {one.ongoing ? "going on" : end}
          </span>
        </span>
      </a>
    </li>
  );
}
