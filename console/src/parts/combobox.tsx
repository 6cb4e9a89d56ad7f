// One of many by its name: a field to search in, and the list of what fits, of which the rows that are seen are drawn.
// It is the combobox of the ARIA Authoring Practices: the focus stays in the field, and the arrows go through the list.
import { useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Named } from "../state/names";
import { Icon } from "./icon";
import { Text } from "./text";

export interface Choice extends Named {
  /** What else tells it from the others. */
  note?: string;
}

/** Each is one line, as the style sheet has it. */
const ROW_PIXELS = 36;
const LIST_PIXELS = 8 * ROW_PIXELS;
const MARGIN_ROWS = 4;
const PER_PAGE = 8;

/**
 * @param choices all there are, in their order.
 * @param none what it means to choose nothing.
 * @param open is called when the list is opened: the choices may be read then.
 * @param reading whether they are being read.
 * @param cut how many are listed, where there are more.
 */
export function Combobox({ id, describedBy, value, change, choices, none, open, reading = false, cut = null }: {
  id: string;
  describedBy?: string | undefined;
  value: string;
  change: (id: string) => void;
  choices: readonly Choice[];
  none: string;
  open: () => void;
  reading?: boolean;
  cut?: number | null;
}) {
  const list = useRef<HTMLUListElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const [shown, setShown] = useState(false);
  /** What was typed since it was opened; null: nothing. */
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const [top, setTop] = useState(0);
  const chosen = value ? choices.find((one) => one.id === value) : undefined;
  const text = value ? (chosen?.name ?? value) : "";

  const word = (typed ?? "").trim().toLowerCase();
  const fitting = useMemo<Choice[]>(() => {
    const found = word ? choices.filter((one) => one.name.toLowerCase().includes(word) || one.id.startsWith(word)) : choices;
    return word ? [...found] : [{ id: "", name: none }, ...found];
  }, [choices, word, none]);
  const active = Math.min(at, fitting.length - 1);

  const first = Math.max(0, Math.floor(top / ROW_PIXELS) - MARGIN_ROWS);
  const last = Math.min(fitting.length, first + PER_PAGE + 2 * MARGIN_ROWS);
  const drawn = fitting.slice(first, last);

  const scrollTo = (row: number) => {
    const begin = row * ROW_PIXELS;
    const now = begin < top ? begin : begin + ROW_PIXELS > top + LIST_PIXELS ? begin + ROW_PIXELS - LIST_PIXELS : top;
    setTop(now);
  };
  useLayoutEffect(() => {
    // Set when the rows are there: the list is not that high before.
    if (shown && list.current && Math.abs(list.current.scrollTop - top) >= 1) list.current.scrollTop = top;
  }, [shown, top, fitting]);

  const show = () => {
    if (shown) return;
    open();
    setTyped(null);
    const row = Math.max(0, value ? choices.findIndex((one) => one.id === value) + 1 : 0);
    setAt(row);
    setTop(Math.max(0, (row - PER_PAGE / 2) * ROW_PIXELS));
    setShown(true);
  };
  const hide = () => {
    setShown(false);
    setTyped(null);
  };
  const take = (one: Choice | undefined) => {
    if (!one) return;
    hide();
    if (one.id !== value) change(one.id);
  };
  const move = (row: number) => {
    setAt(row);
    scrollTo(row);
  };
  const onKey = (event: KeyboardEvent) => {
    const most = fitting.length - 1;
    if (event.key === "Escape" && shown) {
      event.preventDefault();
      event.stopPropagation();
      hide();
    } else if (event.key === "Enter" && shown) {
      event.preventDefault();
      take(fitting[active]);
    } else if (["ArrowDown", "ArrowUp", "PageDown", "PageUp"].includes(event.key)) {
      event.preventDefault();
      if (!shown) show();
      else if (event.key === "ArrowDown") move(active >= most ? 0 : active + 1);
      else if (event.key === "ArrowUp") move(active <= 0 ? most : active - 1);
      else move(event.key === "PageDown" ? Math.min(most, active + PER_PAGE) : Math.max(0, active - PER_PAGE));
    }
  };

  return (
    <div class="combobox">
      <input ref={input} id={id} {...(describedBy ? { "aria-describedby": describedBy } : {})} role="combobox" aria-autocomplete="list" aria-expanded={shown} aria-controls={listId}
        aria-activedescendant={shown && active >= first && active < last ? `${listId}-${active}` : undefined} autoComplete="off" spellcheck={false}
        placeholder={none} value={typed ?? text}
        onClick={show} onFocus={(event) => event.currentTarget.select()} onBlur={hide} onKeyDown={onKey}
        onInput={(event) => {
          const now = event.currentTarget.value;
          show();
          setTyped(now);
          setAt(0);
          setTop(0);
        }} />
      {value && !shown ? (
        <button type="button" class="plain square clear" aria-label={`Clear: ${text}`} onClick={() => { change(""); input.current?.focus(); }}><Icon name="close" /></button>
      ) : <span class="arrow" aria-hidden="true"><Icon name="down" /></span>}
      {/* What is pressed in the list must not take the focus from the field. */}
      <div class="popup" hidden={!shown} onMouseDown={(event) => event.preventDefault()}>
        <ul ref={list} id={listId} role="listbox" aria-label={none} tabIndex={-1} style={{ maxHeight: `${LIST_PIXELS}px` }} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
          {shown && drawn.map((one, index) => {
            const row = first + index;
            return (
              <li key={one.id} id={`${listId}-${row}`} role="option" aria-selected={row === active} aria-posinset={row + 1} aria-setsize={fitting.length}
                style={{ marginTop: index === 0 ? `${first * ROW_PIXELS}px` : 0, marginBottom: index === drawn.length - 1 ? `${(fitting.length - last) * ROW_PIXELS}px` : 0 }}
                onMouseMove={() => row !== active && setAt(row)} onClick={() => take(one)}>
                <span class="line">{one.id === "" ? none : <Text value={one.name} />}</span>
                {one.note && <span class="kind">{one.note}</span>}
                {one.id === value && <Icon name="check" />}
              </li>
            );
          })}
        </ul>
        {shown && fitting.length === 0 && <p class="muted small">{reading ? "Reading …" : "Nothing has this name."}</p>}
        {shown && cut !== null && <p class="muted small">The oldest {cut.toLocaleString("en")} are listed.</p>}
      </div>
      <span class="visually-hidden" role="status">{!shown ? "" : reading && choices.length === 0 ? "Reading …" : `${word ? fitting.length : choices.length} to choose from`}</span>
    </div>
  );
}
