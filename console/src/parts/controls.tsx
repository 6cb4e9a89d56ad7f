import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { say } from "../state/notices";
import { Icon, type IconName } from "./icon";

/** A field with its label, what it means, and what is wrong with it. */
export function Field({ label, hint, fault, children }: {
  label: string;
  hint?: string | undefined;
  fault?: string | null | undefined;
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: boolean }) => ComponentChildren;
}) {
  const id = useId();
  const described = fault ? `${id}-fault` : hint ? `${id}-hint` : undefined;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children({ id, ...(described ? { "aria-describedby": described } : {}), ...(fault ? { "aria-invalid": true } : {}) })}
      {fault ? <span class="fault" id={`${id}-fault`}>{fault}</span> : hint ? <span class="hint" id={`${id}-hint`}>{hint}</span> : null}
    </div>
  );
}

/** A field whose text is taken a moment after the last key, or when it is left. */
export function Later({ value, change, list, ...rest }: { value: string; change: (value: string | null) => void; id: string; placeholder: string; list?: string; "aria-describedby"?: string }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const known = useRef(value);
  useEffect(() => {
    // Only what came from elsewhere, such as the address: an effect runs late, and must not undo what is typed meanwhile.
    if (known.current !== value) setText(value);
    known.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const take = (now: string) => {
    clearTimeout(timer.current);
    if (now.trim() !== value) change(now.trim() || null);
  };
  const attributes = {
    ...rest,
    value: text,
    onChange: (event: { currentTarget: HTMLInputElement }) => take(event.currentTarget.value),
    onInput: (event: { currentTarget: HTMLInputElement }) => {
      const now = event.currentTarget.value;
      setText(now);
      clearTimeout(timer.current);
      timer.current = setTimeout(() => take(now), 400);
    },
  };
  return list === undefined ? <input {...attributes} /> : <input {...attributes} list={list} />;
}

/** A button whose action takes a while. A refusal is said where notices are, unless the action handles it itself. */
export function Action({ run, icon, children, ...rest }: { run: () => Promise<void>; icon?: IconName; children: ComponentChildren } & Omit<JSX.IntrinsicElements["button"], "onClick" | "icon">) {
  const [busy, setBusy] = useState(false);
  return (
    <button type="button" {...rest} aria-busy={busy} disabled={busy || rest.disabled}
      onClick={() => { setBusy(true); void attempt(run).finally(() => setBusy(false)); }}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** Runs an action; says what the API answered where it did not succeed. */
export async function attempt(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.fault !== "signed-out") say(error.message + (error.requestId ? ` Request ${error.requestId}.` : ""), { bad: true });
  }
}

/** A modal dialog, open as long as it is drawn. Escape and the cross close it. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ComponentChildren }) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby={id} onClose={close} onClick={(event) => event.target === element.current && close()}>
      <div class="frame">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="plain square" aria-label="Close" onClick={close}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** A button that asks before it does what cannot be taken back. */
export function Confirmed({ label, title, icon, run, children, danger = false }: {
  label: string;
  title: string;
  icon?: IconName;
  run: () => Promise<void>;
  children: ComponentChildren;
  danger?: boolean;
}) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class={danger ? "danger" : ""} onClick={() => setOpen(true)}>
        {icon && <Icon name={icon} />}
        {label}
      </button>
      {open && (
        <Dialog title={title} close={() => setOpen(false)}>
          {children}
          <div class="actions">
            <Action class={danger ? "danger" : "primary"} run={async () => { await run(); setOpen(false); }}>{label}</Action>
            <button type="button" onClick={() => setOpen(false)}>Cancel</button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export function Tabs({ label, tabs, current }: { label: string; tabs: { name: string; text: string; href: string }[]; current: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.name} href={tab.href} aria-current={tab.name === current ? "page" : undefined}>{tab.text}</a>
      ))}
    </nav>
  );
}

export function More({ pages }: { pages: { more: boolean; loading: boolean; items: unknown[]; next: () => Promise<void> } }) {
  return (
    <div class="more" role="status">
      <span>{pages.items.length.toLocaleString("en")} shown</span>
      {pages.more && <Action run={pages.next}>{pages.loading ? "Loading …" : "Show more"}</Action>}
    </div>
  );
}
