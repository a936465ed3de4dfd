// What is proposed (dashed) and what is said (whole), over a picture that fills its frame by cutting its edges.
import type { Box, LabelBox, PoolPicture } from "../../contract.gen";

export function Marks({ one }: { one: PoolPicture }) {
  const said = one.label?.boxes ?? [];
  const proposed: readonly Box[] = one.label ? [] : one.proposals;
  return (
    <svg
      class="marks"
      viewBox={`0 0 ${one.width || 4} ${one.height || 3}`}
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
    >
      {proposed.map((b, n) => (
        <Mark key={n} one={one} of={b} class="mark-box proposed" />
      ))}
      {one.label
        ? null
        : one.wrong?.map((b, n) => <Mark key={n} one={one} of={b} class="mark-box wrong" />)}
      {said.map((b, n) => (
        <Mark key={n} one={one} of={b} class="mark-box said" />
      ))}
    </svg>
  );
}

function Mark({ one, of, class: name }: { one: PoolPicture; of: Box | LabelBox; class: string }) {
  const place = {
    x: of.box.l * one.width,
    y: of.box.t * one.height,
    width: of.box.w * one.width,
    height: of.box.h * one.height,
  };
  return (
    <>
      <rect class="mark-shade" {...place} vector-effect="non-scaling-stroke" />
      <rect class={name} {...place} vector-effect="non-scaling-stroke" />
    </>
  );
}
