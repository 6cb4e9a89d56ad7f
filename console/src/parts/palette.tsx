// Ctrl-K: go to a screen, an endpoint, a filter, or to an event by its id.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { OneEvent } from "../api/documents";
import { endpointNames, filterNames } from "../state/names";
import { link } from "../state/route";
import { attempt } from "./controls";
import { Icon, type IconName } from "./icon";
import { Text } from "./text";

export const paletteOpen = signal(false);

interface Found {
  key: string;
  text: string;
  kind: string;
  icon: IconName;
  href: string;
}

const SHOWN = 12;

export function CommandPalette({ screens, close }: { screens: { name: string; text: string; icon: IconName }[]; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [event, setEvent] = useState<Found | null>(null);

  useEffect(() => {
    dialog.current?.showModal();
    void attempt(() => endpointNames.want());
    void attempt(() => filterNames.want());
  }, []);
  useEffect(() => {
    setEvent(null);
    const id = text.trim();
    if (id.length < 3) return undefined;
    const timer = setTimeout(() => void attempt(async () => {
      const found = (await call(OneEvent, { id })).event;
      if (found) setEvent({ key: `event ${id}`, text: `${found.type} ${found.id}`, kind: "Event", icon: "events", href: link(["events", found.id]) });
    }), 250);
    return () => clearTimeout(timer);
  }, [text]);

  const all = useMemo<Found[]>(() => [
    ...screens.map((one): Found => ({ key: `screen ${one.name}`, text: one.text, kind: "Screen", icon: one.icon, href: link(one.name ? [one.name] : []) })),
    { key: "new-endpoint", text: "New endpoint", kind: "Action", icon: "plus", href: link(["new-endpoint"]) },
    { key: "new-filter", text: "New event filter", kind: "Action", icon: "plus", href: link(["new-filter"]) },
    { key: "jobs", text: "Jobs", kind: "Screen", icon: "clock", href: link(["jobs"]) },
    { key: "publish", text: "Publish an event", kind: "Action", icon: "send", href: link(["publish"]) },
    ...[...endpointNames.known.value.values()].map((one): Found => ({ key: one.id, text: one.name, kind: "Endpoint", icon: "endpoints", href: link(["endpoints", one.id]) })),
    ...[...filterNames.known.value.values()].map((one): Found => ({ key: one.id, text: one.name, kind: "Event filter", icon: "filters", href: link(["filters", one.id]) })),
  ], [screens, endpointNames.known.value, filterNames.known.value]);
  const wanted = text.trim().toLowerCase();
  const found = [...(event ? [event] : []), ...all.filter((one) => one.text.toLowerCase().includes(wanted) || one.key.startsWith(wanted))].slice(0, SHOWN);
  const chosen = Math.min(at, found.length - 1);

  const goTo = (one: Found | undefined) => {
    if (!one) return;
    dialog.current?.close();
    location.hash = one.href;
  };
  const onKey = (key: KeyboardEvent) => {
    if (key.key === "ArrowDown" || key.key === "ArrowUp") {
      key.preventDefault();
      setAt((chosen + (key.key === "ArrowDown" ? 1 : found.length - 1)) % Math.max(1, found.length));
    } else if (key.key === "Enter") {
      key.preventDefault();
      goTo(found[chosen]);
    }
  };
  return (
    <dialog ref={dialog} aria-label="Search and go" onClose={close} onClick={(click) => click.target === dialog.current && dialog.current?.close()}>
      <div class="frame palette">
        <input role="combobox" aria-label="Search for a screen, an endpoint, a filter, or the id of an event" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
          aria-activedescendant={found[chosen] ? `palette-${chosen}` : undefined} placeholder="Screen, endpoint, filter, or the id of an event"
          value={text} onInput={(input) => { setText(input.currentTarget.value); setAt(0); }} onKeyDown={onKey} />
        <ul id="palette-list" role="listbox" aria-label="Found">
          {found.map((one, index) => (
            <li key={one.key} id={`palette-${index}`} role="option" aria-selected={index === chosen} onClick={() => goTo(one)} onMouseMove={() => setAt(index)}>
              <Icon name={one.icon} /><Text value={one.text} /><span class="kind">{one.kind}</span>
            </li>
          ))}
        </ul>
        <p class="visually-hidden" role="status">{found.length === 0 ? "Nothing found" : `${found.length} found`}</p>
        {found.length === 0 && <p class="muted" style={{ padding: "0 1.1rem 1rem" }}>Nothing has this name. An event is found by its whole id.</p>}
      </div>
    </dialog>
  );
}
