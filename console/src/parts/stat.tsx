/** Characters that fit at full size. */
const LONG = 7;

/** A number and what it counts. */
export function Stat({ label, number, bad = false }: { label: string; number: number | string; bad?: boolean }) {
  const text = typeof number === "number" ? number.toLocaleString("en") : number;
  return (
    <div class={bad ? "stat bad" : "stat"}>
      <div class={text.length > LONG ? "number long" : "number"}>{text}</div>
      <div class="label">{label}</div>
    </div>
  );
}
