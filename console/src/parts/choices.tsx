// An endpoint or an event filter, chosen among all of the workspace by its name.
import { useEffect, useMemo, useState } from "preact/hooks";
import { endpointNames, filterNames, MOST_NAMES, type Named, type Names } from "../state/names";
import { Combobox, type Choice } from "./combobox";
import { attempt } from "./controls";

const NOTES: Record<string, string> = { PAUSED: "paused", DISABLED: "disabled" };

interface Chosen {
  id: string;
  "aria-describedby"?: string;
  value: string;
  change: (id: string) => void;
  /** What it means to choose nothing. */
  none: string;
}

/** @param types only endpoints of these; all without it. */
export function EndpointChoice({ types, without = [], ...chosen }: Chosen & { types?: readonly string[]; without?: readonly string[] }) {
  const key = `${types?.join(" ") ?? ""} ${without.join(" ")}`;
  const all = endpointNames.known.value;
  const choices = useMemo(
    () => sorted([...all.values()].filter((one) => (!types || types.includes(one.type)) && !without.includes(one.id))
      .map((one): Choice => {
        const note = NOTES[one.status];
        return { id: one.id, name: one.name, ...(note ? { note } : {}) };
      })),
    [all, key],
  );
  return <Of names={endpointNames} choices={choices} {...chosen} />;
}

export function FilterChoice({ without = [], ...chosen }: Chosen & { without?: readonly string[] }) {
  const all = filterNames.known.value;
  const choices = useMemo(() => sorted([...all.values()].filter((one) => !without.includes(one.id))), [all, without.join(" ")]);
  return <Of names={filterNames} choices={choices} {...chosen} />;
}

function Of<One extends Named>({ names, choices, "aria-describedby": describedBy, ...chosen }: Chosen & { names: Names<One>; choices: readonly Choice[] }) {
  const [reading, setReading] = useState(false);
  const read = () => {
    setReading(true);
    void attempt(() => names.want()).finally(() => setReading(false));
  };
  // Nothing is read for a field that nobody opens, but for the name of what is chosen already.
  useEffect(() => {
    if (chosen.value && !names.known.value.has(chosen.value)) read();
  }, [chosen.value]);
  return <Combobox {...chosen} describedBy={describedBy} choices={choices} open={read} reading={reading} cut={names.cut.value ? MOST_NAMES : null} />;
}

const COLLATOR = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function sorted<One extends Named>(all: One[]): One[] {
  return all.sort((a, b) => COLLATOR.compare(a.name, b.name));
}
