// The recording around an incident: one button, until somebody wants more than the clip.
import { useState } from "preact/hooks";
import type { IncidentDetail } from "../contract.gen";
import { later } from "../pieces/later";
import { Film } from "../pieces/icons";
import { rangeAround } from "../logic/recordwords";

const Recording = later(() => import("./recording").then((m) => m.RecordingPanel));

export function RecordingAround({ one }: { one: IncidentDetail }) {
  const [range, set] = useState<ReturnType<typeof rangeAround>>();
  const open = () => {
    const end = one.ongoing ? undefined : Date.parse(one.ended_at ?? one.updated_at);
    set(rangeAround(Date.parse(one.started_at), end, Date.now()));
  };
  if (range)
    return (
      <Recording
        device={one.device}
        camera={one.camera}
        range={range}
        only
        close={() => set(undefined)}
      />
    );
  return (
    <p class="around">
      <button type="button" class="button" onClick={open}>
        <Film />
        Get the recording around it
      </button>
    </p>
  );
}
