import { effect } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import { forgetCalls } from "./api/client";
import { Icon, Logo, type IconName } from "./parts/icon";
import { CommandPalette, paletteOpen } from "./parts/palette";
import { Empty } from "./parts/states";
import { Screen } from "./screens";
import { dismiss, notices } from "./state/notices";
import { go, link, route, screen } from "./state/route";
import { end, online, settings, signedIn } from "./state/session";
import { GO_KEYS, singleKeys } from "./state/shortcuts";
import { SignIn } from "./screens/sign-in";

export const NAVIGATION: { name: string; text: string; icon: IconName }[] = [
  { name: "", text: "Home", icon: "home" },
  { name: "live", text: "Live", icon: "live" },
  { name: "events", text: "Events", icon: "events" },
  { name: "endpoints", text: "Endpoints", icon: "endpoints" },
  { name: "filters", text: "Filters", icon: "filters" },
  { name: "deliveries", text: "Deliveries", icon: "deliveries" },
  { name: "changes", text: "Changes", icon: "changes" },
  { name: "settings", text: "Settings", icon: "settings" },
];

/** Screens that are reached from another one: the navigation shows that one. */
const AREAS: Record<string, string> = { jobs: "deliveries", publish: "events", "new-endpoint": "endpoints", "new-filter": "filters" };

/** Between `g` and the letter of a screen. */
const GO_MILLISECONDS = 1500;

// Before a screen asks anything: what the screen before had asked is not its own.
let shown = screen.value;
effect(() => {
  if (screen.value !== shown) {
    shown = screen.value;
    forgetCalls();
  }
});

export function App() {
  return (
    <>
      {signedIn.value ? <Shell /> : <SignIn />}
      <Notices />
    </>
  );
}

function Shell() {
  const [open, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const current = screen.value;
  const first = useRef(true);
  useEffect(() => {
    setOpen(false);
    if (!first.current) {
      // As a page load would: reading begins at the top of the new screen.
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    first.current = false;
  }, [current]);
  useEffect(() => {
    let going = -GO_MILLISECONDS;
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable], dialog, .editor");
      const single = singleKeys.value && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
      if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && single)) {
        event.preventDefault();
        paletteOpen.value = true;
      } else if (event.key === "Escape") setOpen(false);
      else if (single) {
        const name = event.timeStamp - going < GO_MILLISECONDS ? GO_KEYS[event.key] : undefined;
        if (name !== undefined) go(name ? [name] : []);
        going = event.key === "g" ? event.timeStamp : -GO_MILLISECONDS;
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>Skip to the content</a>
      <header class="top">
        <a class="brand" href={link([])}><Logo />Event service</a>
        <button type="button" class="plain square" aria-label="Search and go" onClick={() => (paletteOpen.value = true)}><Icon name="search" /></button>
        <button type="button" class="plain square" aria-label="Menu" aria-expanded={open} aria-controls="navigation" onClick={() => setOpen(!open)}><Icon name="menu" /></button>
      </header>
      {open && <div class="scrim" onClick={() => setOpen(false)} />}
      <aside class={open ? "side open" : "side"} id="navigation" aria-label="Navigation and session">
        <a class="brand" href={link([])}><Logo /><span>Event service</span></a>
        <nav aria-label="Screens">
          <ul>
            {NAVIGATION.map((one) => (
              <li key={one.name}>
                <a href={link(one.name ? [one.name] : [])} aria-current={AREAS[route.value.path[0] ?? ""] === one.name || (route.value.path[0] ?? "") === one.name ? "page" : undefined}>
                  <Icon name={one.icon} />{one.text}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="foot">
          <button type="button" onClick={() => (paletteOpen.value = true)}><Icon name="search" />Search <kbd>/</kbd></button>
          <button type="button" class="plain" onClick={() => end(null)}><Icon name="out" />Sign out</button>
          {settings.value && <span>{settings.value.stack} · {settings.value.region}</span>}
        </div>
      </aside>
      <main class="main" id="content" ref={main} tabIndex={-1}>
        {!online.value && (
          <div class="banner" role="status"><Icon name="off" />No connection to the service. What is shown may be old; it is tried again by itself.</div>
        )}
        <Screen key={current} unknown={<Empty title="There is no such screen"><p>The address leads nowhere.</p><a class="button" href={link([])}>Home</a></Empty>} />
      </main>
      {paletteOpen.value && <CommandPalette screens={NAVIGATION} close={() => (paletteOpen.value = false)} />}
    </div>
  );
}

function Notices() {
  return (
    <div class="notices" role="log" aria-label="Notices" aria-live="polite">
      {notices.value.map((one) => (
        <div key={one.number} class={one.bad ? "notice bad" : "notice"}>
          <span>{one.text}</span>
          {one.undo && <button type="button" class="tiny" onClick={() => { one.undo?.(); dismiss(one.number); }}>Undo</button>}
          <button type="button" class="plain tiny" aria-label="Dismiss" onClick={() => dismiss(one.number)}><Icon name="close" /></button>
        </div>
      ))}
    </div>
  );
}
